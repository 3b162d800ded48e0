"""Rules that go for many messages: page by page, and on from there after a process that was killed."""

from __future__ import annotations

import subprocess
import sys
from uuid import UUID

import pytest

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.learning import deciding
from opsintel.learning.deciding import decide, settle, waiting
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.tenants import Tenant
from opsintel_pipeline.worker.learned_rules import LEARNED_RULES
from tests.learn.queue import PERSON, analysed, corrected, write

MANY = 9


@pytest.fixture
def rule(database: Database, tenant: Tenant) -> UUID:
    """A rule that was proposed for three messages, and goes for more."""
    with database.tenant_tx(tenant.id) as connection:
        texts = [f"The total of number {place} is not right" for place in range(MANY)]
        ids = write(connection, tenant, texts, subject="Wrong tax on invoice 4")
        for message_id in ids:
            analysed(connection, tenant, message_id)
    for message_id in ids[:3]:
        corrected(database, tenant, message_id, "kind", "legal")
    with database.tenant_tx(tenant.id) as connection:
        ((rule_id,),) = connection.execute("SELECT id FROM learned_rule").fetchall()
    return UUID(str(rule_id))


def decided(database: Database, tenant: Tenant, rule: UUID, state: deciding.State = "accepted") -> None:
    with database.tenant_tx(tenant.id) as connection:
        decide(connection, tenant.id, PERSON, rule, state)


def legal(database: Database, tenant: Tenant) -> int:
    with database.tenant_tx(tenant.id) as connection:
        row = connection.execute("SELECT count(*) FROM analysis WHERE current AND kind = 'legal'").fetchone()
    assert row is not None
    return int(row[0])


class TestSettling:
    def test_goes_on_where_a_process_was_killed(
        self, database: Database, settings: Settings, tenant: Tenant, rule: UUID
    ):
        decided(database, tenant, rule)
        child = [sys.executable, "-m", "tests.learn.settling", settings.db_url or "", str(tenant.id), str(rule), "2"]
        assert subprocess.run(child, check=False, timeout=60).returncode == -9
        half = legal(database, tenant)
        assert 3 < half < MANY
        assert waiting(database) == [(tenant.id, rule)]
        with database.tenant_tx(tenant.id) as connection:
            reached = connection.execute("SELECT settled_to, changed FROM learned_rule").fetchone()
            assert reached is not None
            assert reached[1] == half - 3
        LEARNED_RULES.work(Context(database, open_objects(settings), settings))
        assert legal(database, tenant) == MANY
        assert waiting(database) == []

    def test_is_of_so_many_pages(self, database: Database, tenant: Tenant, rule: UUID, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(deciding, "PAGE", 4)
        decided(database, tenant, rule)
        settle(database, tenant.id, rule, pages=1)
        assert legal(database, tenant) == 4
        assert settle(database, tenant.id, rule) == MANY - 3
        assert legal(database, tenant) == MANY

    def test_begins_anew_when_it_is_undone_half_way(
        self, database: Database, tenant: Tenant, rule: UUID, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(deciding, "PAGE", 4)
        decided(database, tenant, rule)
        settle(database, tenant.id, rule, pages=1)
        decided(database, tenant, rule, "undone")
        assert settle(database, tenant.id, rule) == 1
        assert legal(database, tenant) == 3

    def test_of_what_was_rejected_is_none(self, database: Database, tenant: Tenant, rule: UUID):
        decided(database, tenant, rule, "rejected")
        assert waiting(database) == []
        assert (settle(database, tenant.id, rule), legal(database, tenant)) == (0, 3)
