"""Sources by the API: connected, changed, removed; what takes longer is a job that readers of sources do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import CredentialError, UnavailableError
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel_api.app import create_app
from opsintel_pipeline.worker import polling
from tests.access.people import bearer, log_in
from tests.seeding import Seeded, seed_tenant
from tests.sources.fake_kind import KIND, Desk, desk, record

__all__ = ["desk"]

TOKEN = "desk-token-canary"
WANTED = {"kind": KIND, "name": "Desk", "config": {"desk": "front"}, "credential": {"token": TOKEN}}


@pytest.fixture
def context(settings: Settings, database: Database) -> Context:
    with database.system_tx() as connection:
        for table in ("tenant", "app_user", "rate_limit"):
            connection.execute(f"DELETE FROM {table}".encode())
    return Context(database, open_objects(settings), settings)


@pytest.fixture
def tenant(context: Context) -> Seeded:
    return seed_tenant(context.database, "acme")


class Person:
    """Somebody who manages sources, at the API."""

    def __init__(self, client: httpx.AsyncClient, token: dict[str, str]) -> None:
        self.client = client
        self.token = token

    async def ask(self, method: str, path: str = "", **sent: Any) -> httpx.Response:
        return await self.client.request(method, f"/v1/sources{path}", headers=self.token, **sent)

    async def connected(self, **fields: Any) -> str:
        answer = await self.ask("POST", json=WANTED | fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def job(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = (await self.client.get(answer.headers["location"], headers=self.token)).json()
        return found


@pytest_asyncio.fixture
async def person(settings: Settings, context: Context, tenant: Seeded, desk: Desk) -> AsyncIterator[Person]:
    del desk
    assert settings.db_url is not None
    app = create_app(settings, settings.db_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            yield Person(client, bearer(await log_in(client, tenant.email("admin"))))
    context.close()


def work_off(context: Context) -> None:
    while polling.do_next(context):
        pass


class TestConnect:
    async def test_a_source_is_read_at_once_and_its_credential_is_never_shown(
        self, person: Person, context: Context, desk: Desk
    ) -> None:
        desk.put(record(1), record(2))
        answer = await person.ask("POST", json=WANTED)
        assert answer.status_code == 201
        assert answer.json()["push_secret"].startswith("whsec_")
        assert TOKEN not in answer.text
        work_off(context)
        shown = (await person.ask("GET", f"/{answer.json()['id']}")).json()
        assert (shown["state"], shown["has_credential"], shown["config"]["desk"]) == ("active", True, "front")
        assert shown["last_sync_at"] is not None
        assert "push_secret" not in shown

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"kind": "mbox", "config": {"path": "/etc/passwd"}}, 422),
            ({"config": {"unknown": 1}}, 422),
            ({"credential": {"token": "xy"}}, 422),
            ({"tenant_id": "01993c5e-7c00-7000-8000-000000000003"}, 422),
            ({"poll_seconds": 1}, 422),
        ],
    )
    async def test_what_cannot_be_used_is_refused_by_its_field(
        self, person: Person, fields: dict[str, Any], status: int
    ) -> None:
        answer = await person.ask("POST", json=WANTED | fields)
        assert answer.status_code == status
        assert TOKEN not in answer.text

    async def test_the_same_twice_is_a_conflict(self, person: Person) -> None:
        await person.connected()
        assert (await person.ask("POST", json=WANTED)).status_code == 409

    async def test_kinds_tell_what_a_form_is_made_of(self, person: Person) -> None:
        answer = await person.client.get("/v1/source-kinds", headers=person.token)
        items = {item["kind"]: item for item in answer.json()["items"]}
        assert "mbox" not in items
        assert items[KIND]["credential_schema"]["properties"]["token"]["secret"] is True
        assert items[KIND]["config_schema"]["properties"]["desk"]["description"] == "Which desk"
        assert (items[KIND]["oauth"], items["ingest"]["credential_schema"]) == (False, None)


class TestChange:
    async def test_pause_resume_rename_and_another_credential(self, person: Person) -> None:
        path = f"/{await person.connected()}"
        assert (await person.ask("PATCH", path, json={"paused": True})).json()["state"] == "paused"
        assert (await person.ask("POST", f"{path}/sync")).status_code == 409
        changed = (await person.ask("PATCH", path, json={"paused": False, "name": "Front"})).json()
        assert (changed["state"], changed["name"]) == ("active", "Front")
        answer = await person.ask("PATCH", path, json={"credential": {"token": "another-token"}})
        assert answer.status_code == 200
        assert "another-token" not in answer.text

    async def test_remove(self, person: Person) -> None:
        path = f"/{await person.connected()}"
        assert (await person.ask("DELETE", path)).status_code == 204
        assert (await person.ask("GET", path)).status_code == 404


class TestAuthorization:
    async def test_of_a_source_whose_credential_died_is_a_link_beside_the_remedy(
        self, person: Person, context: Context, desk: Desk
    ) -> None:
        source = await person.connected()
        assert (await person.ask("GET", f"/{source}")).json()["authorize_url"] is None
        desk.fault = CredentialError("The token was revoked", remedy="Authorise it again")
        work_off(context)
        shown = (await person.ask("GET", f"/{source}")).json()
        assert (shown["state"], shown["detail"]) == ("disabled", "The token was revoked. Authorise it again")
        assert shown["authorize_url"] == f"{context.settings.dashboard_url}/sources/?authorise={source}"


class TestErrands:
    async def test_check_tells_what_was_found_with_its_remedy(self, person: Person, context: Context) -> None:
        path = f"/{await person.connected(credential={'token': 'revoked'})}"
        answer = await person.ask("POST", f"{path}/check")
        work_off(context)
        job = await person.job(answer)
        assert (job["state"], job["kind"], job["parameters"]["action"]) == ("done", "source", "check")
        assert job["figures"] == {"passed": 0, "warning": 0, "failed": 1, "unknown": 1}
        (token, clock) = (await person.ask("GET", path)).json()["checks"]
        assert (token["verdict"], token["remedy"], clock["verdict"]) == ("failed", "Make another", "unknown")

    async def test_sync_reads_now(self, person: Person, context: Context, desk: Desk) -> None:
        path = f"/{await person.connected()}"
        work_off(context)
        desk.put(record(1), record(2), record(3))
        answer = await person.ask("POST", f"{path}/sync")
        work_off(context)
        job = await person.job(answer)
        assert (job["state"], job["figures"]) == ("done", {"read": 3, "added": 3, "changed": 0, "failures": 0})

    async def test_backfill_is_estimated_then_fetches_what_is_missing(
        self, person: Person, context: Context, desk: Desk
    ) -> None:
        path = f"/{await person.connected(poll_seconds=3600)}"
        work_off(context)
        desk.put(record(1), record(2))
        first = desk.items["t1"].occurred_at
        assert first is not None
        asked = {"from": first.date().isoformat()}
        estimate = await person.ask("POST", f"{path}/backfill", json=asked, params={"estimate": "true"})
        work_off(context)
        figures = (await person.job(estimate))["figures"]
        assert (figures["held"], figures["missing"]) == (2, 2)
        started = await person.ask("POST", f"{path}/backfill", json=asked)
        work_off(context)
        assert (await person.job(started))["figures"] == {"added": 2, "changed": 0, "failures": 0}

    async def test_census_fetches_what_is_missing_and_retry_releases_what_was_set_aside(
        self, person: Person, context: Context, desk: Desk
    ) -> None:
        path = f"/{await person.connected(poll_seconds=3600)}"
        work_off(context)
        desk.put(record(5))
        counted = await person.ask("POST", f"{path}/census")
        released = await person.ask("POST", f"{path}/retry")
        work_off(context)
        assert (await person.job(counted))["figures"]["added"] == 1
        assert (await person.job(released))["figures"] == {"released": 0}

    async def test_a_fault_ends_the_job_with_its_reason(self, person: Person, context: Context, desk: Desk) -> None:
        path = f"/{await person.connected()}"
        work_off(context)
        desk.fault = UnavailableError("The desk is away", remedy="It is tried again")
        answer = await person.ask("POST", f"{path}/sync")
        work_off(context)
        job = await person.job(answer)
        assert (job["state"], job["error"]) == ("failed", "The desk is away. It is tried again")
        assert (await person.ask("GET", path)).json()["state"] == "failing"
