"""GET /v1/learned-rules, and what a person decides of one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsintel.db.engine import Database
from opsintel_api.models.learned_rules import LearnedRuleDetail
from tests.api.conftest import Get, Send
from tests.seeding import Seeded

TAX = range(6)
"""Places of messages under one subject."""


@pytest.fixture(autouse=True)
def _as_at_first(database: Database, acme: Seeded) -> Iterator[None]:
    yield
    with database.tenant_tx(acme.tenant_id) as connection:
        connection.execute("DELETE FROM correction WHERE id <> %s", (acme.correction,))
        connection.execute("DELETE FROM learned_rule WHERE id <> %s", (acme.learned_rule,))
        connection.execute("DELETE FROM outbox")


async def proposed(send: Send, get: Get, database: Database, acme: Seeded) -> str:
    """Have a rule proposed from three corrections, and return its id."""
    with database.tenant_tx(acme.tenant_id) as connection:
        connection.execute(
            "UPDATE message SET subject = 'Parcel 1 is late' WHERE id = ANY(%s)", ([acme.messages[p] for p in TAX],)
        )
    for place in list(TAX)[:3]:
        asked = {"message_id": str(acme.messages[place]), "field": "kind", "value": "legal"}
        assert (await send("POST", "/v1/corrections", json=asked)).status_code == 201
    found = [
        one for one in (await get("/v1/learned-rules", state="proposed")).json()["items"]
        if one["pattern"] == "parcel # is late"
    ]  # fmt: skip
    assert [(one["field"], one["value"], one["corrections"]) for one in found] == [("kind", "legal", 3)]
    return str(found[0]["id"])


class TestRules:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.get("/v1/learned-rules")).status_code == 401

    async def test_show_their_evidence_and_what_they_would_change(
        self, send: Send, get: Get, database: Database, acme: Seeded
    ):
        rule = await proposed(send, get, database, acme)
        found = LearnedRuleDetail.model_validate_json((await get(f"/v1/learned-rules/{rule}")).content)
        assert {one.message_id for one in found.evidence} == {acme.messages[place] for place in list(TAX)[:3]}
        assert {one.message_id for one in found.changes.samples} == {acme.messages[place] for place in list(TAX)[3:]}

    async def test_hold_once_accepted_and_not_once_undone(self, send: Send, get: Get, database: Database, acme: Seeded):
        rule = await proposed(send, get, database, acme)
        address = f"/v1/messages/{acme.messages[4]}"
        before = (await get(address)).json()["analysis"]
        answer = await send("POST", f"/v1/learned-rules/{rule}/accept")
        made = LearnedRuleDetail.model_validate_json(answer.content)
        assert made.decided_by is not None
        assert (made.state, made.decided_by.id) == ("accepted", acme.users["owner"])
        shown = (await get(address)).json()["analysis"]
        assert (shown["kind"], shown["ruled"], shown["corrected"]) == ("legal", ["kind"], [])
        assert (await send("POST", f"/v1/learned-rules/{rule}/undo")).json()["state"] == "undone"
        assert (await get(address)).json()["analysis"] == before

    async def test_are_accepted_once(self, send: Send, get: Get, database: Database, acme: Seeded):
        rule = await proposed(send, get, database, acme)
        assert (await send("POST", f"/v1/learned-rules/{rule}/reject")).status_code == 200
        assert (await send("POST", f"/v1/learned-rules/{rule}/undo")).status_code == 409

    @pytest.mark.parametrize("role", ["analyst", "viewer"])
    async def test_are_accepted_by_who_may_manage_rules(self, send: Send, acme: Seeded, role):
        answer = await send("POST", f"/v1/learned-rules/{acme.learned_rule}/accept", role=role)
        assert answer.status_code == 403

    async def test_of_another_tenant_are_404(self, send: Send, get: Get, other: Seeded):
        assert (await get(f"/v1/learned-rules/{other.learned_rule}")).status_code == 404
        assert (await send("POST", f"/v1/learned-rules/{other.learned_rule}/accept")).status_code == 404
