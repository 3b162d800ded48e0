"""Alerts by the API: of what one may read, open ones first; and that somebody knows of one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from opsintel.alerts.store import Condition, open_alert, resolve_alerts
from opsintel.db.engine import Database
from opsintel.ids import new_id
from tests.api.conftest import Get, Send
from tests.seeding import Seeded

LINE = "What is wrong: what to do"


@pytest.fixture(autouse=True)
def _no_alerts(database: Database, acme: Seeded) -> None:
    with database.tenant_tx(acme.tenant_id) as connection:
        connection.execute("DELETE FROM alert")


def opened(database: Database, tenant: Seeded, kind: Any, about: UUID, source_id: UUID | None = None) -> UUID:
    """Open an alert and return what it is about."""
    with database.tenant_tx(tenant.tenant_id) as connection:
        open_alert(connection, tenant.tenant_id, Condition(kind, about, LINE, source_id=source_id))
    return about


def three(database: Database, tenant: Seeded) -> tuple[UUID, UUID, UUID]:
    """Open an alert about a key, a ceiling and a source, one after the other; return what they are about."""
    source = tenant.sources["slack_export"]
    return (
        opened(database, tenant, "key.invalid", tenant.model_key),
        opened(database, tenant, "budget.exhausted", tenant.budget, tenant.sources["mbox"]),
        opened(database, tenant, "source.unhealthy", source, source),
    )


def kinds(page: Any) -> list[str]:
    return [item["kind"] for item in page.json()["items"]]


class TestTheList:
    async def test_has_open_ones_first_and_names_what_they_are_about(
        self, get: Get, database: Database, acme: Seeded
    ) -> None:
        *_, source = three(database, acme)
        with database.tenant_tx(acme.tenant_id) as connection:
            resolve_alerts(connection, source)
        page = await get("/v1/alerts")
        assert [(item["kind"], item["state"]) for item in page.json()["items"]] == [
            ("budget.exhausted", "open"), ("key.invalid", "open"), ("source.unhealthy", "resolved"),
        ]  # fmt: skip
        names = [item["subject"]["name"].split()[0] for item in page.json()["items"]]
        assert names == ["mbox", "Models", "slack_export"]
        assert {item["line"] for item in page.json()["items"]} == {LINE}

    async def test_is_filtered_and_goes_on_from_page_to_page(self, get: Get, database: Database, acme: Seeded) -> None:
        for _ in range(5):
            opened(database, acme, "source.unhealthy", new_id())
        over = opened(database, acme, "source.unhealthy", new_id())
        opened(database, acme, "key.invalid", acme.model_key)
        with database.tenant_tx(acme.tenant_id) as connection:
            resolve_alerts(connection, over)
        assert kinds(await get("/v1/alerts", kind="key.invalid")) == ["key.invalid"]
        assert len(kinds(await get("/v1/alerts", state="open"))) == 6
        assert len(kinds(await get("/v1/alerts", state="resolved"))) == 1
        seen, cursor = [], None
        while True:
            page = (await get("/v1/alerts", limit="2", **({"cursor": cursor} if cursor else {}))).json()
            seen += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len({item["id"] for item in seen}) == len(seen) == 7
        assert [item["state"] for item in seen] == ["open"] * 6 + ["resolved"]
        times = [item["opened_at"] for item in seen[:6]]
        assert times == sorted(times, reverse=True)

    async def test_has_a_ceiling_whose_month_is_over_as_resolved(
        self, get: Get, database: Database, acme: Seeded
    ) -> None:
        opened(database, acme, "budget.warning", acme.budget)
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("UPDATE alert SET ends_at = now()")
        (item,) = (await get("/v1/alerts")).json()["items"]
        assert (item["state"], item["resolved_at"] is None) == ("resolved", False)
        assert kinds(await get("/v1/alerts", state="open")) == []

    @pytest.mark.parametrize("role", ["owner", "admin", "analyst", "viewer"])
    async def test_has_what_a_role_may_read_of(self, role: Any, send: Send, database: Database, acme: Seeded) -> None:
        three(database, acme)
        found = kinds(await send("GET", "/v1/alerts", role=role))
        of_keys = ["key.invalid"] if role in ("owner", "admin") else []
        assert found == ["source.unhealthy", "budget.exhausted", *of_keys]

    async def test_has_what_is_about_the_sources_that_a_member_is_limited_to(
        self, send: Send, database: Database, acme: Seeded
    ) -> None:
        three(database, acme)
        opened(database, acme, "budget.warning", new_id())  # of the tenant's month
        with database.system_tx() as connection:
            connection.execute(
                "UPDATE membership SET source_ids = %s WHERE user_id = %s",
                ([acme.sources["mbox"]], acme.users["viewer"]),
            )
        try:
            page = await send("GET", "/v1/alerts", role="viewer")
        finally:
            with database.system_tx() as connection:
                connection.execute(
                    "UPDATE membership SET source_ids = NULL WHERE user_id = %s", (acme.users["viewer"],)
                )
        assert kinds(page) == ["budget.exhausted"]
        assert page.json()["items"][0]["subject"]["name"].startswith("mbox")

    async def test_is_of_one_tenant(self, send: Send, database: Database, acme: Seeded, other: Seeded) -> None:
        three(database, acme)
        ours = {item["id"] for item in (await send("GET", "/v1/alerts")).json()["items"]}
        theirs = {item["id"] for item in (await send("GET", "/v1/alerts", tenant=other)).json()["items"]}
        assert len(ours) == 3
        assert not ours & theirs


class TestAcknowledging:
    async def test_says_who_and_when_and_the_first_stays(
        self, send: Send, get: Get, database: Database, acme: Seeded
    ) -> None:
        three(database, acme)
        first = (await get("/v1/alerts")).json()["items"][0]
        path = f"/v1/alerts/{first['id']}/acknowledge"
        known = (await send("POST", path)).json()
        assert known["acknowledged_by"]["id"] == str(acme.users["owner"])
        assert known["state"] == "open"
        again = await send("POST", path, role="admin")
        assert again.json() == known
        entries = (await get("/v1/audit")).json()["items"]
        assert len([entry for entry in entries if entry["action"] == "alert.acknowledged"]) == 1

    async def test_is_refused_for_what_is_over_anothers_or_nothing(
        self, send: Send, get: Get, database: Database, acme: Seeded, other: Seeded
    ) -> None:
        about = opened(database, acme, "key.invalid", acme.model_key)
        (item,) = (await get("/v1/alerts")).json()["items"]
        path = f"/v1/alerts/{item['id']}/acknowledge"
        assert (await send("POST", path, tenant=other)).status_code == 404
        assert (await send("POST", f"/v1/alerts/{new_id()}/acknowledge")).status_code == 404
        for role in ("analyst", "viewer"):
            assert (await send("POST", path, role=role)).status_code == 403  # type: ignore[arg-type]
        with database.tenant_tx(acme.tenant_id) as connection:
            resolve_alerts(connection, about)
        assert (await send("POST", path)).status_code == 409


async def test_what_changes_about_alerts_is_told_live(send: Send, get: Get, database: Database, acme: Seeded) -> None:
    async def mark() -> str:
        found: str = (await get("/v1/events")).json()["last_event_id"]
        return found

    marks = [await mark()]
    about = opened(database, acme, "key.invalid", acme.model_key)
    marks.append(await mark())
    (item,) = (await get("/v1/alerts")).json()["items"]
    await send("POST", f"/v1/alerts/{item['id']}/acknowledge")
    marks.append(await mark())
    with database.tenant_tx(acme.tenant_id) as connection:
        resolve_alerts(connection, about)
    marks.append(await mark())
    assert len(set(marks)) == 3  # nothing is open at the end, as at the beginning
    assert marks[0] == marks[3]
