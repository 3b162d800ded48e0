"""GET /v1/review-items and its resolution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from opsintel.db.engine import Database
from opsintel_api.models.review import ReviewItem, ReviewItemPage
from tests.api.conftest import Get, Send
from tests.seeding import Seeded


@pytest.fixture(autouse=True)
def _as_at_first(database: Database, acme: Seeded) -> Iterator[None]:
    yield
    with database.tenant_tx(acme.tenant_id) as connection:
        connection.execute("DELETE FROM correction WHERE id <> %s", (acme.correction,))
        connection.execute("DELETE FROM review_item WHERE id <> %s", (acme.review_item,))
        connection.execute("UPDATE review_item SET state = 'open', actor_kind = NULL, actor_id = NULL, labels = NULL")


def more(database: Database, acme: Seeded, place: int, rank: float, reason: str) -> None:
    with database.tenant_tx(acme.tenant_id) as connection:
        connection.execute(
            "INSERT INTO review_item (tenant_id, id, message_id, analysis_id, partition_day, reason, rank)"
            " SELECT tenant_id, gen_random_uuid(), message_id, id, partition_day, %s, %s FROM analysis"
            " WHERE message_id = %s AND current",
            (reason, rank, acme.messages[place]),
        )


async def resolve(send: Send, acme: Seeded, **body: Any) -> Any:
    return await send("POST", f"/v1/review-items/{acme.review_item}/resolve", json=body)


class TestListing:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.get("/v1/review-items")).status_code == 401

    async def test_is_by_rank_page_by_page(self, get: Get, database: Database, acme: Seeded):
        more(database, acme, 3, 0.1, "failed")
        more(database, acme, 4, 3.1, "sample")
        found, cursor = [], {}
        for _ in range(3):
            page = ReviewItemPage.model_validate_json((await get("/v1/review-items", limit=1, **cursor)).content)
            found += [item.reason for item in page.items]
            cursor = {"cursor": page.next_cursor}
        assert found == ["failed", "low_confidence", "sample"]
        assert page.next_cursor is None

    async def test_is_of_a_reason_or_state(self, get: Get, database: Database, acme: Seeded):
        more(database, acme, 3, 0.1, "failed")
        listed = (await get("/v1/review-items", reason="failed")).json()["items"]
        assert [item["message_id"] for item in listed] == [str(acme.messages[3])]
        assert (await get("/v1/review-items", state="skipped")).json()["items"] == []

    async def test_shows_the_message_and_what_was_found(self, get: Get, acme: Seeded):
        (item,) = (await get("/v1/review-items")).json()["items"]
        assert item["id"] == str(acme.review_item)
        assert (item["shown"]["category"], item["fields"]) == ("Billing / Invoices", ["severity"])
        assert item["snippet"]


class TestResolving:
    async def test_by_a_correction_shows_it(self, send: Send, get: Get, acme: Seeded):
        answer = await resolve(send, acme, verdict="corrected", corrections=[{"field": "severity", "value": 1}])
        item = ReviewItem.model_validate_json(answer.content)
        assert (item.state, item.shown and item.shown.severity) == ("corrected", 1)
        assert item.resolved_by is not None
        assert item.resolved_by.id == acme.users["owner"]
        found = (await get(f"/v1/messages/{acme.messages[2]}")).json()["analysis"]
        assert (found["severity"], found["corrected"]) == (1, ["severity"])

    async def test_twice_is_409(self, send: Send, acme: Seeded):
        assert (await resolve(send, acme, verdict="confirmed")).status_code == 200
        assert (await resolve(send, acme, verdict="skipped")).status_code == 409

    @pytest.mark.parametrize(
        "body",
        [
            {"verdict": "corrected"},
            {"verdict": "confirmed", "corrections": [{"field": "severity", "value": 1}]},
            {"verdict": "corrected", "corrections": [{"field": "severity", "value": 9}]},
            {"verdict": "corrected", "corrections": [{"field": "kind", "value": "legal"}] * 2},
        ],
        ids=["nothing", "confirmed with one", "no value of the field", "one field twice"],
    )
    async def test_by_what_says_nothing_is_422(self, send: Send, acme: Seeded, body: dict[str, Any]):
        assert (await resolve(send, acme, **body)).status_code == 422

    async def test_that_of_another_tenant_is_404(self, send: Send, other: Seeded):
        answer = await send("POST", f"/v1/review-items/{other.review_item}/resolve", json={"verdict": "skipped"})
        assert answer.status_code == 404
