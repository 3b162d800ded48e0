"""GET /v1/evaluations and GET /v1/gold-sets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from opsintel.db.engine import Database
from opsintel.learning.correcting import correct
from opsintel_api.models.evaluations import EvaluationPage, GoldSetPage
from opsintel_pipeline.learn.weekly import evaluate
from tests.api.conftest import Get
from tests.learn.queue import PERSON
from tests.seeding import Seeded

WEEK = date(2026, 11, 16)


@pytest.fixture(autouse=True)
def _measured(database: Database, acme: Seeded) -> Iterator[None]:
    """Two weeks are measured, between which somebody said more."""
    with database.tenant_tx(acme.tenant_id) as connection:
        for place, week in ((5, WEEK), (6, WEEK + timedelta(days=7))):
            for field, value in (("severity", 5), ("kind", "legal")):
                correct(connection, acme.tenant_id, PERSON, acme.messages[place], field, value)
            assert evaluate(connection, acme.tenant_id, week)
    yield
    with database.tenant_tx(acme.tenant_id) as connection:
        connection.execute("DELETE FROM correction WHERE id <> %s", (acme.correction,))
        connection.execute("DELETE FROM gold_set")
        connection.execute("DELETE FROM outbox")


class TestEvaluations:
    async def test_without_a_token_are_401(self, client):
        assert (await client.get("/v1/evaluations")).status_code == 401

    async def test_are_latest_first_page_by_page(self, get: Get):
        found, cursor = [], {}
        while cursor is not None:
            page = EvaluationPage.model_validate_json((await get("/v1/evaluations", limit=2, **cursor)).content)
            found += [(one.week, one.gold_version, one.field) for one in page.items]
            cursor = {"cursor": page.next_cursor} if page.next_cursor else None
        assert len(found) == len(set(found)) == 6
        assert [week for week, *_ in found] == [WEEK + timedelta(days=7)] * 3 + [WEEK] * 3
        assert {version for _, version, _ in found[3:]} == {1}

    async def test_are_of_a_field(self, get: Get):
        items = (await get("/v1/evaluations", field="severity")).json()["items"]
        assert [(one["field"], one["examples"], one["accuracy"]) for one in items] == [
            ("severity", 2, 0.0), ("severity", 1, 0.0),
        ]  # fmt: skip


class TestGoldSets:
    async def test_are_latest_first_with_what_is_left_of_them(self, get: Get, database: Database, acme: Seeded):
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("DELETE FROM gold_example WHERE message_id = %s", (acme.messages[6],))
        page = GoldSetPage.model_validate_json((await get("/v1/gold-sets")).content)
        assert [(one.version, one.candidates, one.examples, one.left) for one in page.items] == [
            (2, 3, 3, 2), (1, 2, 2, 2),
        ]  # fmt: skip

    async def test_are_for_who_may_propose(self, get: Get):
        assert (await get("/v1/gold-sets", role="viewer")).status_code == 403
