"""Pushes by HTTP: proved by their signature on the bytes as they came, kept before they are answered, taken once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
import pytest_asyncio

from opsintel.access.audit import SYSTEM
from opsintel.connectors.ingest.signature import signature_of
from opsintel.context import Context
from opsintel.coordination.contract import Limit
from opsintel.db.engine import Database
from opsintel.errors import UnavailableError
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.sources.connect import Connected, Wanted, connect_source
from opsintel.sources.control import Change, change_source, remove_source
from opsintel.sources.source import NEWS
from opsintel.tenants import create_tenant
from opsintel_api import limits
from opsintel_api.app import create_app
from opsintel_pipeline.worker import polling
from tests.sources.fake_kind import KIND, Desk, desk, record, signed

__all__ = ["desk"]


@pytest.fixture
def context(settings: Settings, database: Database) -> Context:
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant")
    return Context(database, open_objects(settings), settings)


@pytest_asyncio.fixture
async def client(settings: Settings, context: Context) -> AsyncIterator[httpx.AsyncClient]:
    assert settings.db_url is not None
    app = create_app(settings, settings.db_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as opened:
            yield opened
    context.close()


@dataclass
class Pushed:
    """A connected source, and whoever pushes to it."""

    context: Context
    client: httpx.AsyncClient
    made: Connected

    @property
    def id(self) -> UUID:
        return self.made.source.id

    @property
    def secret(self) -> str:
        assert self.made.push_secret is not None
        return self.made.push_secret

    async def push(self, body: bytes, headers: dict[str, str], *, to: UUID | None = None) -> httpx.Response:
        return await self.client.post(f"/v1/push/{to or self.id}", content=body, headers=headers)

    async def event(self, delivery: str, *keys: str, at: datetime | None = None) -> httpx.Response:
        return await self.push(*signed(self.secret, {"id": delivery, "keys": keys}, at=at))

    def rows(self, statement: str) -> list[Any]:
        with self.context.database.tenant_tx(self.made.source.tenant_id) as connection:
            return [row[0] for row in connection.execute(statement.encode()).fetchall()]

    @property
    def receipts(self) -> list[str]:
        return self.rows("SELECT delivery_id FROM push_receipt ORDER BY received_at")

    @property
    def stored(self) -> list[str]:
        return self.rows("SELECT native_id || '@' || version FROM raw_payload ORDER BY native_id, version")


def connected(context: Context, client: httpx.AsyncClient, kind: str, slug: str = "acme") -> Pushed:
    tenant = create_tenant(context.database, slug, slug)
    credential = {"token": "desk-token"} if kind == KIND else None
    wanted = Wanted(kind, "Pushing", {}, credential)
    return Pushed(context, client, connect_source(context, tenant.id, wanted, SYSTEM))


@pytest.fixture
def source(context: Context, client: httpx.AsyncClient, desk: Desk) -> Pushed:
    del desk
    return connected(context, client, KIND)


class TestSignatures:
    async def test_check_39_a_signed_push_is_kept_before_it_is_answered(self, source: Pushed) -> None:
        answer = await source.event("e1", "t1", "t2")
        assert (answer.status_code, answer.content) == (202, b"")
        assert source.receipts == ["e1"]
        assert source.rows("SELECT keys FROM push_receipt") == [["t1", "t2"]]

    async def test_is_told_to_those_who_read(self, source: Pushed, admin_url: str) -> None:
        with psycopg.connect(admin_url, autocommit=True) as reader:
            reader.execute(f"LISTEN {NEWS}")
            await source.event("e1", "t1")
            assert [told.channel for told in reader.notifies(timeout=10, stop_after=1)] == [NEWS]
            await source.event("e1", "t1")  # again: nothing is new
            assert list(reader.notifies(timeout=0)) == []

    @pytest.mark.parametrize("change", ["body", "blank", "signature", "none", "stamp"])
    async def test_check_39_anything_else_than_the_bytes_that_were_signed_is_refused(
        self, source: Pushed, change: str
    ) -> None:
        body, headers = signed(source.secret, {"id": "e1", "keys": ["t1"]})
        if change == "body":
            body = body.replace(b"t1", b"t2")
        elif change == "blank":  # the same JSON, and not the same bytes
            body = body.replace(b": ", b":")
        elif change == "signature":
            headers["X-Desk-Signature"] = "0" * 64
        elif change == "none":
            del headers["X-Desk-Signature"]
        else:
            headers["X-Desk-Timestamp"] = str(int(headers["X-Desk-Timestamp"]) + 1)
        answer = await source.push(body, headers)
        assert answer.status_code == 401
        assert source.receipts == []

    @pytest.mark.parametrize("minutes", [-6, 6])
    async def test_check_39_a_push_of_more_than_five_minutes_ago_or_ahead_is_refused(
        self, source: Pushed, minutes: int
    ) -> None:
        answer = await source.event("e1", "t1", at=datetime.now(UTC) + timedelta(minutes=minutes))
        assert answer.status_code == 401
        assert source.receipts == []

    async def test_check_39_one_that_comes_again_is_answered_and_changes_nothing(
        self, source: Pushed, desk: Desk
    ) -> None:
        desk.put(record(1))
        await source.event("e1", "t1")
        polling.read_pushes(source.context)
        assert (await source.event("e1", "t1")).status_code == 202
        assert source.receipts == ["e1"]
        assert not polling.read_pushes(source.context)
        assert desk.fetched == ["t1"]

    async def test_check_39_a_hundred_at_once_are_one(self, source: Pushed) -> None:
        answers = await asyncio.gather(*(source.event("e1", "t1") for _ in range(100)))
        assert {answer.status_code for answer in answers} == {202}
        assert source.receipts == ["e1"]

    async def test_check_39_the_secret_of_one_source_proves_nothing_to_another(
        self, context: Context, client: httpx.AsyncClient, source: Pushed
    ) -> None:
        other = connected(context, client, KIND, "other")
        answer = await other.push(*signed(source.secret, {"id": "e1", "keys": ["t1"]}))
        assert answer.status_code == 401
        assert other.receipts == []

    async def test_check_39_of_no_source_and_of_one_that_was_removed_is_404(self, source: Pushed) -> None:
        body, headers = signed(source.secret, {"id": "e1", "keys": []})
        assert (await source.push(body, headers, to=new_id())).status_code == 404
        remove_source(source.context, source.made.source.tenant_id, source.id, SYSTEM)
        assert (await source.push(body, headers)).status_code == 404

    async def test_check_39_signed_and_no_push_is_422_and_too_large_is_413(self, source: Pushed) -> None:
        _, headers = signed(source.secret, None)
        stamp = headers["X-Desk-Timestamp"]

        headers["X-Desk-Signature"] = hmac.digest(
            source.secret.encode(), f"{stamp}.nonsense".encode(), hashlib.sha256
        ).hex()
        assert (await source.push(b"nonsense", headers)).status_code == 422
        assert (await source.push(b"x" * 1_000_001, headers)).status_code == 413
        assert (await source.event("e" * 501, "t1")).status_code == 413
        assert (await source.event("e1", *["t"] * 5_001)).status_code == 413
        for key in ("t" * 501, "t\0"):
            assert (await source.event("e1", key)).status_code == 422
        assert source.receipts == []

    async def test_check_39_of_a_tenant_that_is_suspended_is_404(self, source: Pushed) -> None:
        with source.context.database.system_tx() as connection:
            connection.execute("UPDATE tenant SET suspended_at = now()")
        assert (await source.event("e1", "t1")).status_code == 404
        assert source.receipts == []


class TestHandshakes:
    async def test_are_answered_as_the_provider_expects_and_not_kept(self, source: Pushed) -> None:
        answer = await source.push(*signed(source.secret, {"challenge": "say this"}))
        assert (answer.status_code, answer.text) == (200, "say this")
        assert source.receipts == []


class TestReading:
    async def test_what_a_push_named_is_read_and_is_the_row_that_a_pull_writes(
        self, context: Context, client: httpx.AsyncClient, source: Pushed, desk: Desk
    ) -> None:
        desk.put(record(1), record(2))
        await source.event("e1", "t1", "t2", "t1")
        assert polling.read_pushes(context)
        assert desk.fetched == ["t1", "t2"]
        pulled = connected(context, client, KIND, "other")
        while polling.poll_next(context):
            pass
        columns = "concat_ws(' ', native_id, version, format, channel, occurred_at, partition_day, sha256, size)"
        mine = source.rows(f"SELECT {columns} FROM raw_payload ORDER BY native_id")
        assert mine == pulled.rows(f"SELECT {columns} FROM raw_payload ORDER BY native_id")
        assert len(mine) == 2

    async def test_a_deletion_that_a_push_named_is_a_tombstone(self, source: Pushed, desk: Desk) -> None:
        desk.put(record(1))
        await source.event("e1", "t1")
        polling.read_pushes(source.context)
        desk.gone.add("t1")
        await source.event("e2", "t1")
        polling.read_pushes(source.context)
        assert source.stored == ["t1@1", "t1@deleted"]

    async def test_waits_while_the_source_is_paused_and_is_read_afterwards(self, source: Pushed, desk: Desk) -> None:
        desk.put(record(1))
        of = (source.context, source.made.source.tenant_id, source.id)
        change_source(*of, Change(paused=True), SYSTEM)
        assert (await source.event("e1", "t1")).status_code == 202
        assert not polling.read_pushes(source.context)
        change_source(*of, Change(paused=False), SYSTEM)
        assert polling.read_pushes(source.context)
        assert source.stored == ["t1@1"]

    async def test_a_fault_of_the_provider_loses_no_push(self, source: Pushed, desk: Desk) -> None:
        desk.put(record(1))
        await source.event("e1", "t1")
        desk.fault = UnavailableError("The desk is away")
        assert polling.read_pushes(source.context)
        assert source.rows("SELECT handled_at IS NULL FROM push_receipt") == [True]
        desk.fault = None
        with source.context.database.tenant_tx(source.made.source.tenant_id) as connection:
            connection.execute("UPDATE push_receipt SET due_at = now()")
        assert polling.read_pushes(source.context)
        assert source.stored == ["t1@1"]

    async def test_of_a_stream_has_the_source_read_at_once(self, source: Pushed, desk: Desk) -> None:
        while polling.poll_next(source.context):
            pass
        desk.put(record(7))
        await source.event("e1", "stream:messages")
        assert polling.read_pushes(source.context)
        assert polling.poll_next(source.context)
        assert (source.stored, desk.fetched) == (["t7@1"], [])
        assert not polling.poll_next(source.context)


class TestRate:
    async def test_of_one_source_is_bounded(self, source: Pushed, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "PUSHES", Limit(per_second=0.01, burst=2))
        statuses = [(await source.event(f"e{number}", "t1")).status_code for number in range(3)]
        assert statuses == [202, 202, 429]


RECORDS = [
    {"id": "4711", "created_at": "2026-11-23T09:00:00Z", "author_email": "cara@customer.example", "text": "It fails"},
    {"id": "4712", "created_at": "2026-11-23T10:00:00Z", "author_email": "cara@customer.example", "text": "Again"},
]


class TestIngest:
    @pytest.fixture
    def program(self, context: Context, client: httpx.AsyncClient) -> Pushed:
        return connected(context, client, "ingest")

    async def send(
        self, program: Pushed, body: bytes, delivery: str = "d1", *, secret: str = "", at: datetime | None = None
    ) -> httpx.Response:
        stamp = str(int((at or datetime.now(UTC)).timestamp()))
        signature = signature_of(delivery, stamp, body, (secret or program.secret).encode())
        headers = {"webhook-id": delivery, "webhook-timestamp": stamp, "webhook-signature": f"v1,bm8= {signature}"}
        return await program.client.post(f"/v1/ingest/{program.id}", content=body, headers=headers)

    def test_the_signature_is_that_of_the_published_example(self) -> None:
        # The test vector of the specification's own libraries.
        secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        body = b'{"test": 2432232314}'
        expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        assert signature_of("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body, secret) == expected

    async def test_records_are_kept_then_read(self, program: Pushed) -> None:
        assert program.secret.startswith("whsec_")
        answer = await self.send(program, json.dumps(RECORDS).encode())
        assert (answer.status_code, answer.content) == (202, b"")
        assert program.rows("SELECT body IS NOT NULL FROM push_receipt") == [True]
        assert polling.read_pushes(program.context)
        assert program.rows("SELECT native_id FROM raw_payload ORDER BY 1") == ["4711", "4712"]
        assert program.rows("SELECT body IS NULL AND handled_at IS NOT NULL FROM push_receipt") == [True]

    async def test_the_same_request_again_changes_nothing(self, program: Pushed) -> None:
        for _ in range(2):
            assert (await self.send(program, json.dumps(RECORDS).encode())).status_code == 202
            polling.read_pushes(program.context)
        assert len(program.stored) == 2

    async def test_a_record_that_cannot_be_used_stops_no_other(self, program: Pushed) -> None:
        lines = b"\n".join(json.dumps(record).encode() for record in [RECORDS[0], {"colour": "red"}, 7, RECORDS[1]])
        await self.send(program, lines)
        polling.read_pushes(program.context)
        assert len(program.stored) == 2
        assert program.rows("SELECT key FROM ingest_failure ORDER BY key") == ["d1 row 2", "d1 row 3"]

    @pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"\xff", b"[" * 200_000], ids=range(5))
    async def test_no_records_are_422(self, program: Pushed, body: bytes) -> None:
        assert (await self.send(program, body)).status_code == 422
        assert program.receipts == []

    async def test_check_39_wrong_secret_old_and_unsigned_are_refused(self, program: Pushed, source: Pushed) -> None:
        body = json.dumps(RECORDS).encode()
        wrong = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        assert (await self.send(program, body, secret=wrong)).status_code == 401
        assert (await self.send(program, body, at=datetime.now(UTC) - timedelta(minutes=6))).status_code == 401
        assert (await program.client.post(f"/v1/ingest/{program.id}", content=body)).status_code == 401
        assert (await program.client.post(f"/v1/ingest/{source.id}", content=body)).status_code == 404
        assert program.receipts == []
