"""POST, GET and DELETE /v1/corrections: what a person says stands over every analysis, until it is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel_api.models.corrections import Correction
from opsintel_pipeline.analyze.message import COLUMNS, MessageView
from opsintel_pipeline.analyze.rows import Made, store
from opsintel_pipeline.analyze.rules import analyze
from opsintel_pipeline.issues.store import outdated_issues
from tests.api.conftest import Get, Send
from tests.seeding import Seeded

Correct = Callable[..., Any]
PLACE = 6
"""The message that is corrected here."""


@pytest.fixture
def correct(send: Send, acme: Seeded) -> Correct:
    async def made(field: str, value: str | int | None, **more: Any) -> Any:
        asked = {"message_id": str(acme.messages[PLACE]), "field": field, "value": value, **more}
        return await send("POST", "/v1/corrections", json=asked)

    return made


@pytest.fixture(autouse=True)
def _as_at_first(database: Database, acme: Seeded) -> Iterator[None]:
    yield
    with database.tenant_tx(acme.tenant_id) as connection:
        connection.execute("DELETE FROM correction WHERE id <> %s", (acme.correction,))
        connection.execute("DELETE FROM outbox")
    analyse_again(database, acme)


def analyse_again(database: Database, tenant: Seeded) -> None:
    """Have the message analysed by the rules, as the stage does."""
    message_id = tenant.messages[PLACE]
    with database.tenant_tx(tenant.tenant_id) as connection:
        row = connection.execute(
            f"SELECT partition_day, {COLUMNS} FROM message WHERE id = %s", (message_id,)
        ).fetchone()
        assert row is not None
        view = MessageView(*row[1:])
        store(connection, Partition(row[0], tenant.tenant_id, tenant.slug), [Made(message_id, view, analyze(view))])


async def shown(get: Get, tenant: Seeded) -> dict[str, Any]:
    found: dict[str, Any] = (await get(f"/v1/messages/{tenant.messages[PLACE]}")).json()["analysis"]
    return found


class TestCorrecting:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.post("/v1/corrections", json={})).status_code == 401

    async def test_answers_what_was_and_what_is(self, correct: Correct, get: Get, acme: Seeded):
        before = (await shown(get, acme))["severity"]
        answer = await correct("severity", 1 if before != 1 else 2, reason="All of them are down")
        assert answer.status_code == 201
        made = Correction.model_validate_json(answer.content)
        assert (made.old_value, made.new_value) == (before, 1 if before != 1 else 2)
        assert (made.reason, made.undone_at) == ("All of them are down", None)
        assert made.author.id == acme.users["owner"]

    @pytest.mark.parametrize(
        ("field", "value", "expected"),
        [
            ("kind", "legal", {"kind": "legal"}),
            ("category", "Billing / Tax", {"category_path": ["Billing", "Tax"]}),
            ("sentiment", "very_positive", {"sentiment": "very_positive"}),
            ("impact", "all", {"impact": "all"}),
            ("urgency", "now", {"urgency": "now"}),
            ("not_actionable_reason", "thanks", {"is_actionable": False, "not_actionable_reason": "thanks"}),
            ("not_actionable_reason", None, {"is_actionable": True, "not_actionable_reason": None}),
        ],
    )
    async def test_is_shown_at_once_and_after_the_next_analysis(
        self, correct: Correct, get: Get, database: Database, acme: Seeded, field: str, value: Any, expected: Any
    ):
        assert (await correct(field, value)).status_code == 201
        for _ in range(2):
            found = await shown(get, acme)
            assert expected.items() <= found.items()
            assert found["corrected"] == [field]
            analyse_again(database, acme)

    async def test_the_other_fields_are_those_of_the_new_analysis(
        self, correct: Correct, get: Get, database: Database, acme: Seeded
    ):
        analyse_again(database, acme)
        before = await shown(get, acme)
        await correct("kind", "legal")
        analyse_again(database, acme)
        after = await shown(get, acme)
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {"kind", "corrected", "created_at"}

    @pytest.mark.parametrize(
        ("field", "value"),
        [("kind", "nonsense"), ("severity", 6), ("severity", "2"), ("severity", True), ("category", ""), ("kind", None)]
        + [("category", "a / b / c / d"), ("category", 3), ("sentiment", 0)],
    )
    async def test_what_a_field_cannot_be_is_422(self, correct: Correct, field: str, value: Any):
        assert (await correct(field, value)).status_code == 422

    async def test_a_message_of_nobody_or_another_tenant_is_404(self, send: Send, other: Seeded):
        for message_id in (new_id(), other.messages[0]):
            asked = {"message_id": str(message_id), "field": "kind", "value": "legal"}
            assert (await send("POST", "/v1/corrections", json=asked)).status_code == 404


class TestWhatFollows:
    async def test_issues_and_figures_of_the_day_are_made_anew(
        self, correct: Correct, database: Database, acme: Seeded
    ):
        await correct("severity", 2)
        with database.tenant_tx(acme.tenant_id) as connection:
            waiting = connection.execute("SELECT payload ->> 'day', payload ->> 'first_stage' FROM outbox").fetchall()
            day = connection.execute(
                "SELECT partition_day FROM message WHERE id = %s", (acme.messages[PLACE],)
            ).fetchone()
            assert day is not None
            assert waiting == [(day[0].isoformat(), "issues")]
            assert acme.issues["tax"] in outdated_issues(connection, day[0])

    async def test_the_audit_log_names_the_field_and_no_value(self, correct: Correct, get: Get):
        made = (await correct("category", "Billing / Tax")).json()
        latest = (await get("/v1/audit", limit=1)).json()["items"][0]
        assert (latest["action"], latest["details"]) == ("correction.made", {"field": "category"})
        assert latest["subject"]["id"] == made["id"]


class TestUndoing:
    async def test_shows_what_stood_before(self, correct: Correct, send: Send, get: Get, acme: Seeded):
        found = (await shown(get, acme))["kind"]
        first, second = [(await correct("kind", kind)).json()["id"] for kind in ("legal", "praise")]
        for made, left in ((second, "legal"), (first, found)):
            assert (await send("DELETE", f"/v1/corrections/{made}")).status_code == 204
            assert (await shown(get, acme))["kind"] == left
        assert (await shown(get, acme))["corrected"] == []

    async def test_shows_what_the_latest_analysis_found(
        self, correct: Correct, send: Send, get: Get, database: Database, acme: Seeded
    ):
        analyse_again(database, acme)
        found = (await shown(get, acme))["impact"]
        made = (await correct("impact", "all" if found != "all" else "org")).json()["id"]
        analyse_again(database, acme)
        await send("DELETE", f"/v1/corrections/{made}")
        assert (await shown(get, acme))["impact"] == found

    async def test_twice_is_once(self, correct: Correct, send: Send, get: Get, database: Database, acme: Seeded):
        made = (await correct("kind", "legal")).json()["id"]
        await send("DELETE", f"/v1/corrections/{made}")
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("DELETE FROM outbox")
        assert (await send("DELETE", f"/v1/corrections/{made}")).status_code == 204
        with database.tenant_tx(acme.tenant_id) as connection:
            assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        listed = (await get("/v1/corrections", message_id=str(acme.messages[PLACE]))).json()["items"]
        assert [item["id"] for item in listed if item["undone_at"]] == [made]

    async def test_that_of_another_tenant_is_404(self, send: Send, other: Seeded):
        assert (await send("DELETE", f"/v1/corrections/{other.correction}")).status_code == 404


class TestListing:
    async def test_is_latest_first_page_by_page(self, correct: Correct, get: Get, acme: Seeded):
        made = [(await correct("kind", kind)).json()["id"] for kind in ("legal", "praise", "help")]
        found: list[UUID] = []
        cursor: dict[str, str] = {}
        while len(found) < len(made):
            page = (await get("/v1/corrections", message_id=str(acme.messages[PLACE]), limit=1, **cursor)).json()
            found += [item["id"] for item in page["items"]]
            cursor = {"cursor": page["next_cursor"]}
        assert found == made[::-1]
