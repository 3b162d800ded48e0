"""The event streams of all tenants, open at once while each of them changes: it alone hears of that."""

from __future__ import annotations

from contextlib import AsyncExitStack
from uuid import UUID

import psycopg
import pytest
from fastapi import FastAPI

from opsintel.db.listener import CHANGES as CHANNEL
from opsintel_api import changes
from tests.access.streams import Stream, streaming
from tests.isolation.asgi import Asked, send
from tests.isolation.canaries import Scanner
from tests.isolation.world import Channel, TenantOfWorld, World

KINDS = ("figures", "sources", "issue", "job")
"""What a change of everything that a stream tells of arrives as."""

NOBODYS_MARK = "0" * 32


async def streams_tell_each_tenant_of_itself(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Change one tenant after the other, and each once more: its stream holds its own two changes and nothing else."""
    with pytest.MonkeyPatch.context() as often, psycopg.connect(world.admin_url, autocommit=True) as connection:
        often.setattr(changes, "SHORTEST_PAUSE", 0.01)
        async with AsyncExitStack() as held:
            streams: dict[int, Stream] = {}
            for tenant in world.tenants:
                stream = await held.enter_async_context(streaming(app, tenant.people["owner"].token))
                assert (await stream.event())["kind"] == "ready"
                streams[tenant.number] = stream
            for _ in range(2):  # the second shows that nothing came after the first
                for tenant in world.tenants:
                    issue, job = _change(connection, tenant)
                    told = [await streams[tenant.number].event() for _ in KINDS]
                    expected = list(zip(KINDS, (None, None, str(issue), str(job)), strict=True))
                    assert [(event["kind"], event["id"]) for event in told] == expected, f"stream of {tenant.number}"
            for tenant in world.tenants:
                for block in "".join(streams[tenant.number].written).split("\n\n"):
                    scanner.scan(f"event of {tenant.number}", block.encode(), [tenant.number])
    assert scanner.own >= {tenant.number for tenant in world.tenants}, "events whose scan proves nothing"


async def marks_of_others_are_like_nobodys(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Go on after the last event of each other tenant: everything is to be read again, as after one that never was."""
    marks = {}
    for tenant in world.tenants:
        marks[tenant.number] = await _opening(app, scanner, tenant, NOBODYS_MARK, "reload")
        assert await _opening(app, scanner, tenant, marks[tenant.number], "ready") == marks[tenant.number]
    assert len(set(marks.values())) == len(marks), "two tenants share a mark"
    for one, other in world.pairs:
        assert await _opening(app, scanner, one, marks[other.number], "reload") == marks[one.number]


async def _opening(app: FastAPI, scanner: Scanner, tenant: TenantOfWorld, last: str, kind: str) -> str:
    """Ask what was missed since an event, require the answer's kind, and return the present mark."""
    asked = Asked("GET", "/v1/events", headers=(("last-event-id", last),))
    answer = await send(app, asked, tenant.people["owner"].token)
    scanner.scan(f"/v1/events of {tenant.number} after {last}", answer.everything, [tenant.number])
    assert answer.json()["items"] == [{"kind": kind, "id": None}], f"{tenant.number} after {last}"
    return str(answer.json()["last_event_id"])


def _change(connection: psycopg.Connection, tenant: TenantOfWorld) -> tuple[UUID, UUID]:
    """Change at once all that a stream tells of, and return the issue and the job that changed."""
    issue, job = tenant.rows.ids("issue")[0], tenant.rows.ids("job")[0]
    with connection.transaction():
        connection.execute("UPDATE data_version SET version = version + 1 WHERE tenant_id = %s", (tenant.id,))
        connection.execute("UPDATE source SET last_sync_at = clock_timestamp() WHERE tenant_id = %s", (tenant.id,))
        connection.execute(
            "INSERT INTO issue_event (tenant_id, id, issue_id, kind) VALUES (%s, %s, %s, 'renamed')",
            (tenant.id, tenant.rows.new_id(), issue),
        )
        connection.execute("UPDATE job SET done = done + 1 WHERE (tenant_id, id) = (%s, %s)", (tenant.id, job))
        connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return issue, job


CHANNELS: tuple[Channel, ...] = (streams_tell_each_tenant_of_itself, marks_of_others_are_like_nobodys)
