"""The event stream: who may hold it, what arrives in it, and what ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from uuid import UUID

import pytest
import pytest_asyncio
from fastapi import FastAPI

from opsintel.access.accounts import create_user
from opsintel.access.tokens import issue, verify
from opsintel.db.engine import Database
from opsintel.db.listener import CHANGES
from opsintel.ids import new_id
from opsintel.settings import Settings
from opsintel_api import changes, streams
from opsintel_api.changes import STREAMS_OF_SESSION, Changes
from tests.access.attack import Api
from tests.access.people import bearer, log_in
from tests.access.streams import Stream, streaming
from tests.seeding import PASSWORD, Seeded, insert

RECHECK_SECONDS, FAREWELL_SECONDS = streams.RECHECK_SECONDS, streams.FAREWELL_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(api: Api) -> AsyncIterator[FastAPI]:
    yield api.client._transport.app  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what happens every few seconds happen often."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.02)
    monkeypatch.setattr(changes, "LISTEN_SECONDS", 0.05)
    monkeypatch.setattr(changes, "SHORTEST_PAUSE", 0.01)


@pytest.fixture
def person(database: Database, acme: Seeded) -> str:
    """The address of somebody new in acme."""
    email = f"p{new_id().hex[-12:]}@acme.example"
    create_user(database, email, "P", PASSWORD, acme.tenant_id, "viewer")
    return email


def raise_version(database: Database, tenant_id: UUID) -> None:
    """Change a tenant's figures, as the last stage does."""
    with database.tenant_tx(tenant_id) as connection:
        connection.execute("UPDATE data_version SET version = version + 1")
        connection.execute("SELECT pg_notify(%s, '')", (CHANGES,))


def add_history(database: Database, seeded: Seeded) -> None:
    """Write a line of an issue's history."""
    with database.tenant_tx(seeded.tenant_id) as connection:
        insert(
            connection, "issue_event", tenant_id=seeded.tenant_id, id=new_id(), issue_id=seeded.issues["tax"],
            kind="renamed",
        )  # fmt: skip
        connection.execute("SELECT pg_notify(%s, '')", (CHANGES,))


class TestWhoMayHoldIt:
    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "ops_x", "opo_x"])
    async def test_check_68_nobody_without_a_valid_token(self, app: FastAPI, token: str):
        async with streaming(app, token) as stream:
            await stream.end()
            assert stream.status == 401
            assert stream.headers["content-type"] == "application/problem+json"

    async def test_check_68_nobody_whose_token_has_expired(self, app: FastAPI, api: Api, settings: Settings):
        holder = verify(await api.token("viewer"), settings.jwt_key())
        async with streaming(app, issue(holder, settings.jwt_key(), at=time.time() - 7200)) as stream:
            await stream.end()
            assert stream.status == 401

    async def test_check_68_no_operator(self, app: FastAPI, api: Api):
        async with streaming(app, api.operator) as stream:
            await stream.end()
            assert stream.status == 403

    @pytest.mark.parametrize("name", ["access_token", "token", "authorization", "lastEventId"])
    async def test_check_68_no_token_is_taken_from_the_address(self, app: FastAPI, api: Api, name: str):
        token = await api.token("viewer")
        for held, status in (("", 401), (token, 422)):
            async with streaming(app, held, f"{name}={token}") as stream:
                await stream.end()
                assert stream.status == status

    async def test_who_asks_without_the_type_gets_one_answer(self, api: Api):
        first = await api.role("viewer", "GET", "/v1/events")
        assert first.json()["items"] == [{"kind": "ready", "id": None}]
        again = await api.role("viewer", "GET", "/v1/events", headers={"Last-Event-ID": first.json()["last_event_id"]})
        assert again.json() == first.json()
        head = await api.role("viewer", "HEAD", "/v1/events", headers={"Accept": "text/event-stream"})
        assert (head.status_code, head.headers["content-type"]) == (200, "application/json")

    async def test_a_session_holds_some_and_no_more(self, app: FastAPI, api: Api, person: str):
        token = (await log_in(api.client, person)).json()["access_token"]
        opened = [streaming(app, token) for _ in range(STREAMS_OF_SESSION)]
        for stream in opened:
            assert (await (await stream.__aenter__()).event())["kind"] == "ready"
        async with streaming(app, token) as refused:
            await refused.end()
            assert (refused.status, refused.headers["retry-after"]) == (429, "30")
        for stream in opened:
            await stream.__aexit__(None, None, None)
        async with streaming(app, token) as again:
            assert (await again.event())["kind"] == "ready"


class TestWhatArrives:
    async def test_is_not_to_be_kept_or_held_back_on_the_way(self, app: FastAPI, api: Api):
        async with streaming(app, await api.token("viewer")) as stream:
            assert (await stream.event())["kind"] == "ready"
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-store", "no")
            assert "content-length" not in stream.headers

    async def test_is_what_changes(self, app: FastAPI, api: Api, database: Database, acme: Seeded):
        async with streaming(app, await api.token("viewer")) as stream:
            opened = await stream.event()
            raise_version(database, acme.tenant_id)
            changed = await stream.until("figures")
            assert changed["mark"] != opened["mark"]
            add_history(database, acme)
            assert (await stream.until("issue"))["id"] == str(acme.issues["tax"])
            day = str(acme.last_day)
            started = await api.owner("POST", "/v1/backfills", json={"from": day, "to": day})
            assert (await stream.until("job"))["id"] == started.json()["id"]

    async def test_is_seen_without_a_notification_too(
        self, app: FastAPI, api: Api, database: Database, acme: Seeded, monkeypatch
    ):
        monkeypatch.setattr(changes, "POLL_SECONDS", 0.1)
        async with streaming(app, await api.token("viewer")) as stream:
            await stream.event()
            with database.tenant_tx(acme.tenant_id) as connection:
                connection.execute("UPDATE data_version SET version = version + 1")
            await stream.until("figures")

    async def test_check_68_is_nothing_of_another_tenant(
        self, app: FastAPI, api: Api, database: Database, acme: Seeded, other: Seeded
    ):
        async with (
            streaming(app, await api.token("viewer")) as ours,
            streaming(app, await api.token("viewer", other)) as theirs,
        ):
            assert (await ours.event())["mark"] != (await theirs.event())["mark"]
            for _ in range(5):
                raise_version(database, other.tenant_id)
                add_history(database, other)
                await theirs.until("issue")
            raise_version(database, acme.tenant_id)
            assert (await ours.event())["kind"] == "figures"
            assert str(other.tenant_id) not in "".join(ours.written)
            assert str(other.issues["tax"]) not in "".join(ours.written)

    async def test_check_68_is_of_their_own_sources_for_limited_people(
        self, app: FastAPI, api: Api, database: Database, acme: Seeded, person: str
    ):
        with database.system_tx() as connection:
            connection.execute(
                "UPDATE membership SET source_ids = %s FROM app_user WHERE user_id = app_user.id AND email = %s",
                ([acme.sources["mbox"]], person),
            )
        token = (await log_in(api.client, person)).json()["access_token"]
        async with streaming(app, token) as stream, streaming(app, await api.token("viewer")) as all_of_it:
            opened = await stream.event()
            await all_of_it.event()
            for source, expected in (("slack_export", "ready"), ("mbox", "reload")):
                with database.tenant_tx(acme.tenant_id) as connection:
                    connection.execute(
                        "UPDATE fact_message_day SET messages = messages + 1 WHERE source_id = %s",
                        (acme.sources[source],),
                    )
                raise_version(database, acme.tenant_id)
                await all_of_it.until("figures")
                asked = await api.bearer(token, "GET", "/v1/events", headers={"Last-Event-ID": opened["mark"]})
                assert asked.json()["items"] == [{"kind": expected, "id": None}]
            await stream.until("figures")
            assert [event["kind"] for event in stream._events()] == ["ready", "figures"]

    async def test_begins_with_whether_something_was_missed(
        self, app: FastAPI, api: Api, database: Database, acme: Seeded
    ):
        token = await api.token("viewer")
        async with streaming(app, token) as stream:
            mark = (await stream.event())["mark"]
        async with streaming(app, token, last_event_id=mark) as stream:
            assert (await stream.event())["kind"] == "ready"
        raise_version(database, acme.tenant_id)
        for missed in (mark, "0" * 32):
            async with streaming(app, token, last_event_id=missed) as stream:
                assert (await stream.event())["kind"] == "reload"

    async def test_is_a_comment_while_nothing_changes(self, app: FastAPI, api: Api, monkeypatch):
        monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
        async with streaming(app, await api.token("viewer")) as stream:
            await stream.event()
            async with asyncio.timeout(10), stream._arrived:
                await stream._arrived.wait_for(lambda: stream.written[-2:] == [": so far\n\n"] * 2)


class TestWhatEndsIt:
    async def test_check_68_a_session_is_asked_for_within_five_seconds(self):
        assert RECHECK_SECONDS + FAREWELL_SECONDS <= 5

    async def test_check_68_the_end_of_the_session(self, app: FastAPI, api: Api, person: str):
        session = await log_in(api.client, person)
        async with streaming(app, session.json()["access_token"]) as stream:
            await stream.event()
            ended = await api.client.post("/v1/auth/logout-everywhere", headers=bearer(session))
            assert ended.status_code == 204
            await stream.end()

    @pytest.mark.parametrize(
        "change",
        [
            "DELETE FROM membership USING app_user WHERE user_id = app_user.id AND email = %s",
            "UPDATE app_user SET disabled_at = now() WHERE email = %s",
            "UPDATE membership SET source_ids = '{}' FROM app_user WHERE user_id = app_user.id AND email = %s",
        ],
    )
    async def test_check_68_the_end_of_membership_or_account_and_other_limits(
        self, app: FastAPI, api: Api, database: Database, person: str, change: str
    ):
        async with streaming(app, (await log_in(api.client, person)).json()["access_token"]) as stream:
            await stream.event()
            with database.system_tx() as connection:
                connection.execute(change, (person,))
            await stream.end()

    async def test_check_68_the_suspension_of_the_tenant(self, app: FastAPI, api: Api, other: Seeded):
        async with streaming(app, await api.token("viewer", other)) as stream:
            await stream.event()
            path = f"/v1/operator/tenants/{other.tenant_id}"
            assert (await api.bearer(api.operator, "POST", f"{path}/suspend")).status_code == 200
            await stream.end()
            assert (await api.bearer(api.operator, "POST", f"{path}/activate")).status_code == 200
        api.tokens.clear()

    async def test_check_68_the_expiry_of_the_token(self, app: FastAPI, api: Api, monkeypatch):
        async with streaming(app, await api.token("viewer")) as stream:
            await stream.event()
            later = SimpleNamespace(time=lambda: time.time() + 7200)
            monkeypatch.setattr("opsintel.access.tokens.time", later)
            await stream.end()

    async def test_check_68_the_revocation_of_a_service_key(self, app: FastAPI, api: Api):
        made = (await api.owner("POST", "/v1/service-keys", json={"name": "k", "scopes": ["insights.read"]})).json()
        async with streaming(app, made["value"]) as stream:
            await stream.event()
            await api.owner("DELETE", f"/v1/service-keys/{made['key']['id']}")
            await stream.end()

    async def test_the_end_of_the_process(self, app: FastAPI, api: Api):
        watched: Changes = app.state.services.changes
        async with streaming(app, await api.token("viewer")) as stream:
            await stream.event()
            watched.end_streams()
            await stream.end()
            watched.closed.clear()

    async def test_a_client_that_does_not_read_is_left_with_its_session(
        self, app: FastAPI, api: Api, database: Database, acme: Seeded, person: str, monkeypatch
    ):
        monkeypatch.setattr(streams, "FAREWELL_SECONDS", 0.05)
        session = await log_in(api.client, person)
        async with streaming(app, session.json()["access_token"]) as stream:
            await stream.event()
            stream.reads.clear()
            raise_version(database, acme.tenant_id)
            await api.client.post("/v1/auth/logout-everywhere", headers=bearer(session))
            await _let_go(app, acme)


class TestASlowClient:
    async def test_costs_no_memory_and_gets_one_event_for_many_changes(
        self, app: FastAPI, api: Api, database: Database, acme: Seeded
    ):
        async with (
            streaming(app, await api.token("viewer")) as slow,
            streaming(app, await api.token("analyst")) as quick,
        ):
            await slow.event()
            await quick.event()
            slow.reads.clear()
            for _ in range(30):
                raise_version(database, acme.tenant_id)
                await quick.until("figures")
            slow.reads.set()
            await _equal_marks(slow, quick)
            assert len([event for event in slow._events() if event["kind"] == "figures"]) <= 2
            assert len([event for event in quick._events() if event["kind"] == "figures"]) == 30


async def _equal_marks(one: Stream, other: Stream) -> None:
    async with asyncio.timeout(30):
        while one._events()[-1]["mark"] != other._events()[-1]["mark"]:
            await asyncio.sleep(0.01)


async def _let_go(app: FastAPI, acme: Seeded) -> None:
    async with asyncio.timeout(30):
        while app.state.services.changes._watchers[acme.tenant_id]:
            await asyncio.sleep(0.01)
