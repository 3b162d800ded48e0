"""The processes of a simulation, a turn of each: the product's own functions between a simulated mailbox and sheet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.clock import today
from opsintel.context import Context
from opsintel.errors import DatabaseError, ItemError
from opsintel.ids import new_id
from opsintel.partitions import Partition, StageResult
from opsintel.queue import ledger
from opsintel.queue.consume import consume_once
from opsintel.queue.contract import PARTITION_DIRTY, Announcement, Queue
from opsintel.queue.outbox import relay_once
from opsintel.queue.wire import RefusedError, decode
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.simulation.installation import POISON, Installation
from opsintel_pipeline.simulation.mailbox import Sheet
from opsintel_pipeline.simulation.queues import SimulatedBroker, SimulatedQueue, Watch, WatchedPostgresQueue
from opsintel_pipeline.simulation.script import Crash, Script
from opsintel_pipeline.worker.batch import LEASE, run_batch
from opsintel_pipeline.worker.stages import Outcome, Stage, StageFunction

WORKERS = 2
BATCH_SIZE, PER_TENANT = 3, 2
DAYS = 4
DEADLY_TENANT = "corn"
PAUSES = (1, 5, 16, 31, 61)
"""Seconds that pass at once: within and beyond claims, leases and confirms."""

ODD: tuple[dict[str, Any], ...] = ({"reason": POISON}, {"day": "never"}, {"version": 2})
NOBODY = UUID(int=1)


@dataclass(frozen=True, slots=True)
class SimulatedStage(Stage):
    """A stage whose function is given."""

    work: StageFunction | None = None

    def function(self) -> StageFunction:
        """Return the function."""
        assert self.work is not None
        return self.work


class Processes:
    """Mailboxes, feeds, workers, the sensor, runs and the export of one simulation."""

    def __init__(self, installation: Installation, script: Script, *, in_postgres: bool, is_deadly: bool) -> None:
        self._installation, self._script = installation, script
        self._database, self._context = installation.database, installation.context
        self._sources = installation.reset(script)
        self._watch = Watch(script, self._require_durable)
        self._broker = None if in_postgres else SimulatedBroker(self._watch)
        self._queues = [self._new_queue() for _ in range(WORKERS)]
        self._busy: set[int] = set()
        self._in_hand: set[UUID] = set()
        self._dead: list[UUID] = []
        self._refusals = 1
        self._base = today()
        self._deadly = self._day(DAYS) if is_deadly else None
        self.tenants = {tenant.slug: tenant for tenant in installation.tenants}
        self.sheets = {slug: Sheet() for slug in self.tenants}
        self.odd = 0
        self.problems: list[str] = []

    def mail(self) -> None:
        """Have a message arrive, or a new version of one; tenants get messages of the same names."""
        slug = self._some_tenant()
        mailbox = self._sources[slug].mailbox
        name, day = f"m{self._script.random.randint(1, 12)}", self._day(self._script.random.randint(1, DAYS))
        known = [item for item in mailbox.items if item.native_id == name]
        moment = known[0].occurred_at if known else datetime.combine(day, time(12), tzinfo=UTC)
        assert moment is not None
        mailbox.deliver(name, str(len(known) + 1), moment)
        self._installation.witness.execute(
            "INSERT INTO witness.item VALUES (%s, %s, %s)", (self.tenants[slug].id, name, str(len(known) + 1))
        )
        self._script.note(f"{slug} gets {name} version {len(known) + 1}")

    def feed(self, slug: str = "") -> None:
        """Read what is new in a mailbox."""
        slug = slug or self._some_tenant()
        result = run_feed(self._context, self.tenants[slug], self._sources[slug])
        self._script.note(f"{slug}: {result.added} added, {result.changed} changed")

    def announce_something_odd(self) -> None:
        """Announce what no ledger takes."""
        tenant = self.tenants[self._some_tenant()]
        payload = {"version": 1, "day": self._base.isoformat(), "reason": "import"}
        payload |= self._script.random.choice(ODD)
        self._installation.witness.execute(
            "INSERT INTO outbox (tenant_id, id, topic, payload) VALUES (%s, %s, %s, %s)",
            (tenant.id, new_id(), PARTITION_DIRTY, Jsonb(payload)),
        )
        self.odd += 1
        if self._broker is not None:
            stranger = Announcement(NOBODY, new_id(), PARTITION_DIRTY, {**payload, "version": 1})
            self._broker.store([stranger])

    def relay(self) -> None:
        """Bring announcements from the outbox to the queue."""
        with self._worker() as queue:
            published = relay_once(self._database, queue)
        self._script.note(f"{published} published")
        self._require_confirmed()

    def consume(self) -> None:
        """Bring announcements from the queue to the ledger."""
        with self._worker() as queue:
            self._script.note(f"{consume_once(self._database, queue)} consumed")

    def tick(self) -> None:
        """Build batches as the sensor does, which sees some runs end that died."""
        while self._dead:
            ledger.set_deadline(self._database, self._dead.pop(), timedelta(seconds=-1))
        pauses = self._script.faults["pause"]
        built = ledger.build_batches(self._database, size=BATCH_SIZE, per_tenant=PER_TENANT, deadline=LEASE)
        self._script.note(f"{len(built)} batches")
        left_out = self.value(
            "SELECT count(DISTINCT tenant_id) FROM work WHERE state = 'pending' AND tenant_id NOT IN"
            " (SELECT tenant_id FROM work WHERE state = 'batched')"
        )
        if left_out and self._script.faults["pause"] == pauses:
            self.problems.append(f"unfair: {left_out} tenants wait and are in no batch")

    def run(self) -> None:
        """Run a batch that no other run has in hand; of one that dies its batch stays open."""
        waiting = [batch for batch in ledger.open_batches(self._database) if batch not in self._in_hand]
        if not waiting:
            return
        batch = self._script.random.choice(waiting)
        stage = SimulatedStage("messages", "", work=self._process)
        self._in_hand.add(batch)
        try:
            result = run_batch(self._context, batch, "run", self._observe, stages=(stage,), lease=self._lease)
        except (Crash, DatabaseError):
            if self._script.random.random() < 0.5:
                self._dead.append(batch)
            raise
        finally:
            self._in_hand.discard(batch)
        self._script.note(f"{result.done} done, {len(result.failed)} failed")

    def export(self, slug: str = "") -> None:
        """Bring a tenant's sheet up to date."""
        slug = slug or self._some_tenant()
        self.sheets[slug].export(self.processed(slug), self._script)

    def processed(self, slug: str) -> list[str]:
        """Return the names of a tenant's messages that were processed."""
        rows = self._installation.witness.execute(
            "SELECT DISTINCT native_id FROM witness.effect WHERE tenant_id = %s ORDER BY native_id",
            (self.tenants[slug].id,),
        ).fetchall()
        return [row[0] for row in rows]

    def pass_time(self) -> None:
        """Let some seconds pass."""
        self.wait(self._script.random.choice(PAUSES))

    def wait(self, seconds: int) -> None:
        """Let so many seconds pass."""
        self._installation.advance(seconds)
        self._script.note(f"{seconds} s pass")

    def break_broker(self) -> None:
        """Cut the broker's connections; sometimes it comes back without its disk."""
        if self._broker is not None and self._script.happens(0.5):
            without_disk = self._script.random.random() < 0.3
            self._script.fault("broker restarts", "without its disk" if without_disk else "")
            self._broker.restart(without_disk=without_disk)

    def is_at_rest(self) -> bool:
        """Tell whether nothing waits any more."""
        if self._broker is not None and self._broker.ready + self._broker.dead:
            return False
        return self.value("SELECT count(*) FROM queue_message") == 0 == ledger.pending_count(self._database)

    def value(self, statement: LiteralString) -> int:
        """Return the one number of a statement."""
        row = self._installation.witness.execute(statement).fetchone()
        assert row is not None
        return int(row[0])

    def _process(self, context: Context, partition: Partition) -> StageResult:
        """Do the work of a stage on a day: each waiting payload once, written down where nothing hides a double."""
        if partition.tenant_slug == DEADLY_TENANT and partition.day == self._deadly:
            self._script.fault("poison kills its run", self._name(partition))
            raise Crash
        if self._refusals and self._script.happens(0.02):
            self._refusals -= 1
            self._script.fault("stage fails", self._name(partition))
            raise ItemError("told to fail")
        with context.database.tenant_tx(partition.tenant_id) as connection:
            taken = connection.execute(
                "WITH taken AS (UPDATE raw_payload SET normalized_at = now()"
                " WHERE partition_day = %s AND normalized_at IS NULL RETURNING tenant_id, native_id, version)"
                " INSERT INTO witness.effect (tenant_id, native_id, version, kind) SELECT *, 'processed' FROM taken",
                (partition.day,),
            ).rowcount
        self._script.note(f"{self._name(partition)}: {taken} processed")
        return StageResult(taken)

    def _observe(self, stage: Stage, outcomes: Sequence[Outcome]) -> None:
        del stage, outcomes
        self._script.point("between a stage and the ledger", pause=True, weight=5)

    @contextmanager
    def _lease(self, context: Context, batch: UUID) -> Iterator[None]:
        ledger.set_deadline(context.database, batch, LEASE)
        yield

    @contextmanager
    def _worker(self) -> Iterator[Queue]:
        """Yield the connection of a worker that is not held up; one that dies is started anew."""
        number = self._script.random.choice([n for n in range(WORKERS) if n not in self._busy])
        self._busy.add(number)
        try:
            yield self._queues[number]
        except Crash:
            self._queues[number].close()
            self._queues[number] = self._new_queue()
            raise
        finally:
            self._busy.discard(number)

    def _new_queue(self) -> Queue:
        if self._broker is None:
            return WatchedPostgresQueue(self._database, self._watch)
        return SimulatedQueue(self._broker)

    def _require_confirmed(self) -> None:
        rows = self._installation.witness.execute(
            "SELECT tenant_id, id FROM outbox WHERE published_at IS NOT NULL"
        ).fetchall()
        unconfirmed = set(rows) - self._watch.confirmed
        if unconfirmed:
            self.problems.append(f"unconfirmed: {len(unconfirmed)} announcements pass for published")

    def _require_durable(self, bodies: Sequence[bytes]) -> None:
        early = [body for body in bodies if not self._is_durable(body)]
        if early:
            self.problems.append(f"early: {len(early)} deliveries are acknowledged before they are durable")

    def _is_durable(self, body: bytes) -> bool:
        try:
            name = decode(body)
        except RefusedError:
            name = Announcement(NOBODY, NOBODY, "", {})
        row = self._installation.witness.execute(
            "SELECT EXISTS (SELECT FROM work WHERE tenant_id = %s AND id = %s)"
            " OR EXISTS (SELECT FROM quarantine WHERE fingerprint = %s)",
            (name.tenant_id, name.id, hashlib.sha256(body).digest()),
        ).fetchone()
        return row is not None and bool(row[0])

    def _some_tenant(self) -> str:
        return self._script.random.choice([tenant.slug for tenant in self._installation.tenants])

    def _day(self, number: int) -> date:
        return self._base - timedelta(days=number)

    def _name(self, partition: Partition) -> str:
        return f"{partition.tenant_slug} day {(self._base - partition.day).days}"
