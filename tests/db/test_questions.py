"""The questions of docs/analysts.md, each asked as it stands there, as an analyst without the grant to read texts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from opsintel.access.analysts import remove_analyst
from opsintel.db.connect import DatabaseUrls
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.tenants import find_tenant
from tests.access.analyst_logins import AnalystLogin, login_for, opened
from tests.seeding import Seeded, insert, seed_tenant

PAGE = Path(__file__).parents[2] / "docs" / "analysts.md"
QUESTIONS = dict(re.findall(r"## ([^\n]+)\n```sql\n(.*?)\n```", PAGE.read_text(), re.DOTALL))


@pytest.fixture(scope="module")
def urls(admin_url: str, database_url: str) -> DatabaseUrls:
    return opened(admin_url, database_url)


@pytest.fixture(scope="module")
def seeded(urls: DatabaseUrls, database: Database) -> Seeded:
    """A tenant with a regression, a message not analysed, an export, prices; and a neighbour with the same."""
    for slug in ("neighbour", "asked"):
        seeded = seed_tenant(database, f"{slug}-{uuid4().hex[:12]}")
        with database.tenant_tx(seeded.tenant_id) as connection:
            add_what_is_asked_for(connection, seeded)
    return seeded


def add_what_is_asked_for(connection: psycopg.Connection, seeded: Seeded) -> None:
    for kind in ("resolved", "regressed"):
        insert(
            connection, "issue_event", tenant_id=seeded.tenant_id, id=new_id(), issue_id=seeded.issues["tax"],
            kind=kind, detail=Jsonb({}),
        )  # fmt: skip
    connection.execute("UPDATE issue SET severity_pinned = true, category = 'Tax' WHERE number = 1")
    connection.execute("UPDATE analysis SET cost_usd = 0.002, provider = 'openai', model = 'small' WHERE is_actionable")
    connection.execute("DELETE FROM analysis WHERE message_id = %s", (seeded.newsletter,))
    target = new_id()
    insert(
        connection, "export_target", tenant_id=seeded.tenant_id, id=target, kind="google_sheet", name="Sheet",
        config=Jsonb({}),
    )  # fmt: skip
    for key in (seeded.issues["tax"], new_id()):
        connection.execute(
            "INSERT INTO export_row (tenant_id, target_id, row_key, row_hash, state, exported_at)"
            " VALUES (%s, %s, %s, 'x', 'written', now() + interval '1 h')",
            (seeded.tenant_id, target, str(key)),
        )


@pytest.fixture(scope="module")
def analyst(urls: DatabaseUrls, database: Database, seeded: Seeded) -> Iterator[AnalystLogin]:
    yield login_for(urls, seeded.slug)
    remove_analyst(urls, find_tenant(database, seeded.slug), "ana")


def asked(analyst: AnalystLogin, question: str) -> list[dict[str, Any]]:
    with analyst.connect() as session, session.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(QUESTIONS[question].encode()).fetchall()


class TestQuestions:
    def test_are_nine(self) -> None:
        assert len(QUESTIONS) == 9

    def test_top_issues_by_unique_customers(self, analyst: AnalystLogin) -> None:
        rows = asked(analyst, "Top issues by unique customers, this week against last")
        assert [row["number"] for row in rows] == [1, 2]
        assert all(row["this_week"] == 3 and row["last_week"] >= 1 for row in rows)

    def test_severity_mix_by_source(self, analyst: AnalystLogin) -> None:
        rows = asked(analyst, "Severity mix by source")
        assert sum(row["messages"] for row in rows) == 24
        assert sum(row["share"] for row in rows) == pytest.approx(2, abs=0.01)

    def test_time_from_first_message_to_issue(self, analyst: AnalystLogin) -> None:
        rows = asked(analyst, "Time from first message to issue")
        assert {row["category"] for row in rows} == {"Tax", "Billing / Invoices"}
        assert all(row["median"].days >= 9 for row in rows)

    def test_issues_that_came_back(self, analyst: AnalystLogin) -> None:
        rows = asked(analyst, "Issues that came back after a fix")
        assert [(row["number"], row["times_resolved"], row["times_regressed"]) for row in rows] == [(1, 1, 1)]

    def test_cost_by_model(self, analyst: AnalystLogin) -> None:
        (row,) = asked(analyst, "Cost per 1,000 messages by model")
        assert (row["model"], row["messages"], row["usd_per_1000"]) == ("small", 24, 2)

    def test_correction_rate(self, analyst: AnalystLogin) -> None:
        rows = asked(analyst, "Correction rate by category")
        assert [(row["category"], row["issues"], row["regraded"], row["correction_rate"]) for row in rows] == [
            ("Tax", 1, 1, 1),
            ("Billing / Invoices", 2, 0, 0),
        ]

    def test_messages_never_analysed(self, analyst: AnalystLogin) -> None:
        (row,) = asked(analyst, "Messages never analysed, and why")
        assert (row["not_analysed"], row["messages"]) == ("automatic: newsletter", 1)

    def test_export_rows_that_do_not_match(self, analyst: AnalystLogin) -> None:
        rows = asked(analyst, "Export rows that do not match the database")
        assert [(row["target_name"], row["difference"]) for row in rows] == [("Sheet", "no such issue any more")]

    def test_completeness(self, analyst: AnalystLogin) -> None:
        rows = asked(analyst, "By source and day: counted, stored, analysed, exported")
        assert sum(row["stored"] for row in rows) == 25
        assert all(row["missing"] == 0 for row in rows)
