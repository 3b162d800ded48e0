"""Two tenants whose rows have the same ids: what is done for one must leave the other as it was.

A key is (tenant_id, id), so equal ids are legal. A statement over all tenants that forgets the tenant then takes its
neighbour's row as well, and the comparison of before and after shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.clock import now
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel.queue import by_hand, consume, jobs, ledger, outbox, quarantine
from opsintel.queue.contract import Announcement
from opsintel.queue.postgres import PostgresQueue
from opsintel.queue.wire import Origin, RefusedError
from opsintel.sources.source import Source
from opsintel_pipeline.ingest import schedule
from tests.isolation.world import World

DAY = date(2026, 1, 2)
LATER = timedelta(days=1)
PAYLOAD = {"version": 1, "day": DAY.isoformat(), "reason": "import", "first_stage": "raw_messages"}
WATCHED = ("outbox", "queue_message", "work", "job", "source")


@dataclass
class Twins:
    """The one that is acted for, the other that must stay as it is, and the id that rows of both have."""

    world: World
    connection: psycopg.Connection
    one: UUID
    other: UUID
    slug: str
    id: UUID

    def both(self, table: str, *, of_other: dict[str, Any] | None = None, **values: Any) -> None:
        """Write a row of the same id for each; `of_other` is what differs in the other's."""
        for tenant_id, own in ((self.one, {}), (self.other, of_other or {})):
            row = {"tenant_id": tenant_id, "id": self.id, **values, **own}
            places = ", ".join(f"%({name})s" for name in row)
            self.connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", row)

    def waiting(self, table: str, due: str) -> None:
        """Write an announcement of each into a table; the other's is due later."""
        self.both(table, topic="partition.dirty", payload=Jsonb(PAYLOAD), of_other={due: now() + LATER})

    def open_batch(self, *, deadline: timedelta = LATER) -> UUID:
        """Write an open batch and return its id."""
        batch_id = new_id()
        self.connection.execute("INSERT INTO batch (id, deadline_at) VALUES (%s, %s)", (batch_id, now() + deadline))
        return batch_id

    def state_of_other(self) -> list[Any]:
        """Return all rows of the other."""
        return [
            self.connection.execute(
                f"SELECT row_to_json(seen)::text FROM {table} AS seen WHERE tenant_id = %s ORDER BY 1", (self.other,)
            ).fetchall()
            for table in WATCHED
        ]

    @property
    def announcement(self) -> Announcement:
        """Return what is announced for the one."""
        return Announcement(self.one, self.id, "partition.dirty", PAYLOAD)


@contextmanager
def twins(world: World) -> Iterator[Twins]:
    """Yield new twins in a database where nothing else is due; they are gone at the end."""
    with psycopg.connect(world.admin_url, autocommit=True) as connection:
        connection.execute("UPDATE outbox SET due_at = now() + interval '1 day'")
        connection.execute("UPDATE queue_message SET available_at = now() + interval '1 day'")
        connection.execute("UPDATE work SET state = 'done'")
        connection.execute("UPDATE job SET state = 'done' WHERE state IN ('queued', 'running')")
        made = Twins(world, connection, new_id(), new_id(), f"one-{new_id().hex}", new_id())
        for tenant_id, slug in ((made.one, made.slug), (made.other, f"other-{made.id.hex}")):
            connection.execute("INSERT INTO tenant (id, slug, name) VALUES (%s, %s, %s)", (tenant_id, slug, slug))
        try:
            yield made
        finally:
            connection.execute("DELETE FROM tenant WHERE id = ANY(%s)", ([made.one, made.other],))
            connection.execute("DELETE FROM batch WHERE NOT EXISTS (SELECT FROM work WHERE batch_id = batch.id)")
            connection.execute("DELETE FROM quarantine")


def relay(made: Twins) -> Iterator[None]:
    """Publish what is due."""
    made.waiting("outbox", "due_at")
    made.waiting("queue_message", "available_at")
    made.connection.execute("DELETE FROM queue_message WHERE tenant_id = %s", (made.one,))
    yield
    assert outbox.relay_once(made.world.database, PostgresQueue(made.world.database)) == 1


def relay_of_both(made: Twins) -> Iterator[None]:
    """Publish what is due of both: each announcement once, under its own tenant."""
    made.both("outbox", topic="partition.dirty", payload=Jsonb(PAYLOAD))
    queue = PostgresQueue(made.world.database)
    assert outbox.relay_once(made.world.database, queue) == 2
    taken = queue.receive(10)
    assert {delivery.token for delivery in taken} == {(made.one, made.id), (made.other, made.id)}
    yield


def publishing_for_nobody(made: Twins) -> Iterator[None]:
    """Publish for a tenant that is gone: nothing is stored, for it or for another."""
    yield
    queue = PostgresQueue(made.world.database)
    queue.publish([Announcement(new_id(), made.id, "partition.dirty", PAYLOAD)])
    assert queue.receive(1) == []


def consumption(made: Twins) -> Iterator[None]:
    """Take what is due into the ledger, by lease first and then in one transaction."""
    made.waiting("outbox", "due_at")
    made.waiting("queue_message", "available_at")
    queue = PostgresQueue(made.world.database)
    yield
    assert consume.consume_once(made.world.database, queue) == 1
    for table in ("outbox", "queue_message"):
        assert _count(made, table, made.one) == 0, f"{table} keeps what was consumed"
    made.connection.execute("DELETE FROM work WHERE tenant_id = %s", (made.one,))
    queue.publish([made.announcement])
    assert consume.consume_once(made.world.database, queue) == 1
    assert _count(made, "work", made.one) == 1


def rejection(made: Twins) -> Iterator[None]:
    """Give back what was leased."""
    made.waiting("queue_message", "available_at")
    queue = PostgresQueue(made.world.database)
    yield
    queue.reject(queue.receive(1))


def setting_aside(made: Twins) -> Iterator[None]:
    """Quarantine an announcement: its outbox row goes."""
    made.waiting("outbox", "due_at")
    refused = RefusedError("malformed", "as a test", Origin(made.one, made.id))
    yield
    with made.world.database.system_tx() as connection:
        quarantine.store(connection, [(refused, b"{}")])
    assert _count(made, "outbox", made.one) == 0
    assert [entry.tenant for entry in quarantine.entries(made.world.database, 10)] == [made.slug]


def batching(made: Twins) -> Iterator[None]:
    """Batch what waits; the other is paused."""
    made.connection.execute("UPDATE tenant SET paused_at = now() WHERE id = %s", (made.other,))
    made.both("work", partition_day=DAY)
    yield
    (batch_id,) = ledger.build_batches(made.world.database)
    started = ledger.start_batch(made.world.database, batch_id, "a run")
    assert [(day.tenant_id, day.tenant_slug) for day in started] == [(made.one, made.slug)]


def finishing(made: Twins) -> Iterator[None]:
    """Finish a day of the one; the other has the same day in the same batch."""
    batch_id = made.open_batch()
    made.both("work", partition_day=DAY, state="batched", batch_id=batch_id)
    yield
    ledger.finish(made.world.database, batch_id, {Partition(DAY, made.one, made.slug): None})


def finishing_of_another_batch(made: Twins) -> Iterator[None]:
    """Finish a day of the one; the other's work of the same id is in a batch of its own."""
    batch_id = made.open_batch()
    made.both("work", partition_day=DAY, state="batched", batch_id=batch_id, of_other={"batch_id": made.open_batch()})
    yield
    ledger.finish(made.world.database, batch_id, {Partition(DAY, made.one, made.slug): None})


def expiry(made: Twins) -> Iterator[None]:
    """Let a batch of the one expire."""
    expired = made.open_batch(deadline=-LATER)
    made.both("work", partition_day=DAY, state="batched", batch_id=expired, of_other={"batch_id": made.open_batch()})
    yield
    with made.world.database.system_tx() as connection:
        ledger.expire(connection)


def settling(made: Twins) -> Iterator[None]:
    """Bring the one's job up to date; the other's, of the same id, has its work before it."""
    made.both("job", kind="backfill", parameters=Jsonb({}), state="running", total=1)
    made.both("work", partition_day=DAY, job_id=made.id, state="done", of_other={"state": "pending"})
    yield
    with made.world.database.system_tx() as connection:
        jobs.settle(connection)


def cancelling(made: Twins) -> Iterator[None]:
    """Drop the work of the one's cancelled job; the other's, of the same id, runs."""
    made.both(
        "job", kind="backfill", parameters=Jsonb({}), state="cancelled", total=1, finished_at=now(),
        of_other={"state": "running", "finished_at": None},
    )  # fmt: skip
    made.both("work", partition_day=DAY, job_id=made.id)
    yield
    with made.world.database.system_tx() as connection:
        jobs.drop_cancelled(connection)


def claiming(made: Twins) -> Iterator[None]:
    """Claim a day by hand while the other's is in a run."""
    made.both("work", partition_day=DAY, state="batched", batch_id=made.open_batch())
    made.connection.execute("DELETE FROM work WHERE tenant_id = %s", (made.one,))
    yield
    partition = Partition(DAY, made.one, made.slug)
    assert by_hand.claim(made.world.database, [partition], "marts", "a run", LATER) is not None


def polling(made: Twins) -> Iterator[None]:
    """Read the one's source; the other's, of the same id, is not due."""
    made.connection.execute("UPDATE source SET next_poll_at = NULL")
    made.both(
        "source", kind="mbox", name="a source", config=Jsonb({}), config_key="k", poll_seconds=60, next_poll_at=now(),
        of_other={"next_poll_at": now() + LATER},
    )  # fmt: skip
    yield
    assert schedule.take_poll(made.world.database) == (made.one, made.id)
    source = Source(made.id, made.one, "mbox", "a source", {})
    schedule.has_failed(made.world.database, source)


Act = Callable[[Twins], Iterator[None]]
"""Sets rows up, yields, and acts for the one of them."""

ACTS: tuple[Act, ...] = (
    relay, relay_of_both, publishing_for_nobody, consumption, rejection, setting_aside, batching, finishing,
    finishing_of_another_batch, expiry, settling, cancelling, claiming, polling,
)  # fmt: skip


def leave_the_other_alone(world: World, act: Act) -> None:
    """Act for one of two tenants; every row of the other stays as it is."""
    with twins(world) as made:
        steps = act(made)
        next(steps)
        before = made.state_of_other()
        for _ in steps:
            pass
        assert made.state_of_other() == before


def _count(made: Twins, table: str, tenant_id: UUID) -> int:
    row = made.connection.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (tenant_id,)).fetchone()
    assert row is not None
    return int(row[0])
