"""The audit log as the API gives it: latest first, a page at a time, of one's own tenant."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.db.engine import Database
from opsintel.ids import new_id
from tests.access.attack import Api
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")


def recorded(database: Database, tenant: Seeded, action: str, count: int = 1, **details: Any) -> UUID:
    """Record acts of the tenant's analyst on a source of its own, and return that source's id."""
    source = new_id()
    with database.tenant_tx(tenant.tenant_id) as connection:
        for _ in range(count):
            actor = Actor("person", str(tenant.users["analyst"]))
            record(connection, Entry(tenant.tenant_id, actor, action, Subject("source", str(source)), details))
    return source


async def entries(api: Api, **query: Any) -> list[dict[str, Any]]:
    response = await api.owner("GET", "/v1/audit", params=query)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


class TestList:
    async def test_says_who_did_what_to_what(self, api: Api, database: Database, acme: Seeded) -> None:
        source = recorded(database, acme, "source.paused", days=3)
        (entry,) = await entries(api, subject=str(source))
        analyst = str(acme.users["analyst"])
        assert entry["action"] == "source.paused"
        assert entry["actor"]["account"] == analyst != entry["actor"]["id"]
        assert entry["subject"] == {"kind": "source", "id": str(source), "name": None, "account": None}
        assert entry["details"] == {"days": 3}

    async def test_of_pages_holds_every_entry_once_latest_first(
        self, api: Api, database: Database, acme: Seeded
    ) -> None:
        source, seen, cursor = recorded(database, acme, "source.paused", count=7), [], None
        while True:
            query = {"subject": str(source), "limit": 3} | ({"cursor": cursor} if cursor else {})
            page = (await api.owner("GET", "/v1/audit", params=query)).json()
            seen += [entry["seq"] for entry in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert len(seen) == 7
        assert seen == sorted(set(seen), reverse=True)

    @pytest.mark.parametrize(
        ("action", "found"), [("source", 2), ("source.paused", 1), ("source.pause", 0), ("sourc", 0), ("member", 0)]
    )
    async def test_is_filtered_by_action_or_what_comes_before_its_dot(
        self, api: Api, database: Database, acme: Seeded, action: str, found: int
    ) -> None:
        with database.tenant_tx(acme.tenant_id) as connection:
            thing = str(new_id())
            for done in ("source.paused", "source.edited"):
                actor = Actor("person", str(acme.users["owner"]))
                record(connection, Entry(acme.tenant_id, actor, done, Subject("source", thing)))
        assert len(await entries(api, action=action, subject=thing)) == found

    async def test_is_filtered_by_who_acted_as_account_or_opaque_id(
        self, api: Api, database: Database, acme: Seeded
    ) -> None:
        source = recorded(database, acme, "source.paused")
        analyst = str(acme.users["analyst"])
        (entry,) = await entries(api, subject=str(source), actor=analyst)
        assert await entries(api, subject=str(source), actor=entry["actor"]["id"]) == [entry]
        assert await entries(api, subject=str(source), actor=str(acme.users["viewer"])) == []

    async def test_is_filtered_by_days(self, api: Api, database: Database, acme: Seeded) -> None:
        source = str(recorded(database, acme, "source.paused"))
        (entry,) = await entries(api, subject=source)
        day = entry["at"][:10]
        assert await entries(api, subject=source, **{"from": day, "to": day}) == [entry]
        assert await entries(api, subject=source, to="2020-01-01") == []
        assert await entries(api, subject=source, **{"from": "2190-01-01"}) == []

    async def test_refuses_days_in_the_wrong_order_and_what_is_no_action(self, api: Api) -> None:
        for query in ({"from": "2026-02-02", "to": "2026-02-01"}, {"action": "Member"}, {"action": "'--"}):
            assert (await api.owner("GET", "/v1/audit", params=query)).status_code == 422

    async def test_holds_nothing_of_another_tenant(
        self, api: Api, database: Database, acme: Seeded, other: Seeded
    ) -> None:
        foreign = recorded(database, other, "source.paused")
        assert await entries(api, subject=str(foreign)) == []
        assert await entries(api, actor=str(other.users["analyst"])) == []

    async def test_keeps_the_entry_of_a_person_who_was_erased_and_names_nobody(
        self, api: Api, database: Database, acme: Seeded
    ) -> None:
        person, thing = str(new_id()), str(new_id())
        with database.tenant_tx(acme.tenant_id) as connection:
            actor = Actor("person", person)
            record(connection, Entry(acme.tenant_id, actor, "source.edited", Subject("source", thing)))
            connection.execute("DELETE FROM audit_subject WHERE reference = %s", (person,))
        (entry,) = await entries(api, subject=thing)
        assert entry["actor"]["account"] is None
        assert person not in str(entry)
