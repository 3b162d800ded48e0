"""What is derived of an issue follows its members."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel_pipeline.issues.refresh import refresh_issues
from tests.seeding import Seeded, seed_tenant


@pytest.fixture(scope="module")
def acme(database: Database) -> Seeded:
    return seed_tenant(database, "acme")


def refreshed_sources(connection: psycopg.Connection, tenant_id: UUID, issue_id: UUID) -> list[str]:
    row = connection.execute("SELECT model_version FROM issue WHERE id = %s", (issue_id,)).fetchone()
    assert row is not None
    refresh_issues(connection, tenant_id, [issue_id], row[0])
    found = connection.execute("SELECT sources FROM issue WHERE id = %s", (issue_id,)).fetchone()
    assert found is not None
    return list(found[0])


class TestSources:
    def test_are_the_kinds_that_members_were_seen_in(self, database: Database, acme: Seeded) -> None:
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("UPDATE issue SET sources = '{}'")
            assert refreshed_sources(connection, acme.tenant_id, acme.issues["tax"]) == ["mbox", "slack_export"]

    def test_lose_a_kind_whose_last_place_was_deleted(self, database: Database, acme: Seeded) -> None:
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute(
                "UPDATE message_occurrence SET deleted_at = now() WHERE source_id = %s", (acme.sources["slack_export"],)
            )
            assert refreshed_sources(connection, acme.tenant_id, acme.issues["tax"]) == ["mbox"]

    def test_are_none_without_members(self, database: Database, acme: Seeded) -> None:
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("UPDATE issue_member SET removed_at = now()")
            assert refreshed_sources(connection, acme.tenant_id, acme.issues["tax"]) == []
