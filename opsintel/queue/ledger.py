"""The work ledger: what is to be done, in batches that runs take; nothing leaves it before it is done.

A batch's id is the run key. A sensor offers every open batch again on each tick; a batch whose run died expires and
its work returns to the ledger, to be built into a new batch under a new id. Deadlines are set and judged by the
database's clock: that of a machine may be wrong by an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import LiteralString
from uuid import UUID

import psycopg

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.partitions import STAGE_NAMES, Partition, StageName
from opsintel.queue import jobs

MAX_ATTEMPTS = 5
NARROWING = 4
"""A batch whose run died is built anew in so many parts, until the partition that kills its runs is alone."""

BATCH_LOCK = 0x6F707362
"""Advisory lock that lets one process build batches at a time."""


_WAITING: LiteralString = """
    SELECT tenant_id, partition_day, deaths FROM (
        SELECT *, row_number() OVER of_tenant AS place, first_value(deaths) OVER of_tenant AS level,
               min(since) OVER (PARTITION BY tenant_id) AS tenant_since
        FROM (SELECT tenant_id, partition_day, min(created_at) AS since, max(deaths) AS deaths,
                     bool_and(job_id IS NOT NULL) AS can_wait
              FROM work WHERE state = 'pending'
                AND tenant_id NOT IN (SELECT tenant_id FROM work WHERE state = 'batched')
                AND tenant_id NOT IN (SELECT id FROM tenant WHERE paused_at IS NOT NULL OR suspended_at IS NOT NULL)
              GROUP BY tenant_id, partition_day) AS days
        WINDOW of_tenant AS (PARTITION BY tenant_id ORDER BY can_wait, partition_day)) AS waiting
    WHERE deaths = level AND place <= %s ORDER BY deaths, tenant_since, tenant_id, place
"""
"""Each tenant's next days: those of backfills last, and only days whose runs died as often as those of the first."""


def build_batches(
    database: Database,
    *,
    now: datetime | None = None,
    size: int = 100,
    per_tenant: int = 50,
    deadline: timedelta = timedelta(minutes=5),
) -> list[UUID]:
    """Group pending work into new batches and return their ids, oldest work first.

    At most `per_tenant` days of one tenant go into a batch of `size` tenant-days, so that a tenant with much waiting
    delays nobody by more than a batch. While a tenant has an open batch its next days wait: days go in order, and no
    two runs work on one tenant. The work of a paused or suspended tenant stays in the ledger.
    Work whose runs died goes into ever smaller batches, apart from the rest, so that a partition that kills its runs
    fails alone in the end. `now` is the database's own time unless it is given.
    """
    with database.system_tx() as connection:
        lock(connection)
        expire(connection, now)
        jobs.drop_cancelled(connection)
        days = connection.execute(_WAITING, (per_tenant,)).fetchall()
        return [_store_batch(connection, batch, now, deadline) for batch in _batches_of(days, size)]


def lock(connection: psycopg.Connection) -> None:
    """Have the transaction alone decide which batch has which tenant."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (BATCH_LOCK,))


def expire(connection: psycopg.Connection, now: datetime | None = None) -> None:
    """Return the work of batches whose deadline passed to the ledger, or give it up after `MAX_ATTEMPTS`.

    Nobody's run died where none had started. What a person materialised is not tried again: it is theirs to repeat.
    """
    returned = connection.execute(
        """
        WITH expired AS (
            UPDATE batch SET state = 'expired', finished_at = coalesce(%(now)s, now())
            WHERE state = 'open' AND deadline_at < coalesce(%(now)s, now()) RETURNING id, kind),
        judged AS (
            SELECT tenant_id, work.id, kind <> 'drain' OR started_at IS NOT NULL AND attempts >= %(limit)s AS is_over,
                   deaths + (started_at IS NOT NULL)::int AS died
            FROM work JOIN expired ON expired.id = batch_id WHERE state = 'batched')
        UPDATE work SET deaths = died, started_at = NULL,
            state = CASE WHEN is_over THEN 'failed' ELSE 'pending' END,
            error = CASE WHEN is_over THEN 'its run died ' || died || ' times without a word' ELSE error END,
            finished_at = CASE WHEN is_over THEN coalesce(%(now)s, now()) END,
            batch_id = CASE WHEN is_over THEN batch_id END
        FROM judged WHERE work.tenant_id = judged.tenant_id AND work.id = judged.id
        """,
        {"now": now, "limit": MAX_ATTEMPTS},
    ).rowcount
    if returned:
        jobs.settle(connection)


def _batches_of(days: list[tuple[UUID, date, int]], size: int) -> Iterator[list[tuple[UUID, date]]]:
    """Yield the days of each batch; none splits a tenant.

    Days whose runs died as often go together, in batches that get smaller each time.
    """
    for deaths, alike in groupby(days, key=itemgetter(2)):
        room = max(size // NARROWING**deaths, 1)
        batch: list[tuple[UUID, date]] = []
        for tenant_id, of_tenant in groupby(alike, key=itemgetter(0)):
            taken = [(tenant_id, day) for _, day, _ in of_tenant][:room]
            if len(batch) + len(taken) > room:
                yield batch
                batch = []
            batch += taken
        yield batch


def _store_batch(
    connection: psycopg.Connection, days: list[tuple[UUID, date]], now: datetime | None, deadline: timedelta
) -> UUID:
    batch_id = new_id()
    connection.execute(
        "INSERT INTO batch (id, created_at, deadline_at)"
        " VALUES (%(id)s, coalesce(%(now)s, now()), coalesce(%(now)s, now()) + %(deadline)s)",
        {"id": batch_id, "now": now, "deadline": deadline},
    )
    connection.execute(
        """
        UPDATE work SET state = 'batched', batch_id = %s
        FROM unnest(%s::uuid[], %s::date[]) AS wanted (tenant_id, partition_day)
        WHERE work.state = 'pending' AND work.tenant_id = wanted.tenant_id
          AND work.partition_day = wanted.partition_day
        """,
        (batch_id, [tenant_id for tenant_id, _ in days], [day for _, day in days]),
    )
    return batch_id


def open_batches(database: Database) -> list[UUID]:
    """Return the batches built of the ledger that are not done, oldest first."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT id FROM batch WHERE state = 'open' AND kind = 'drain' ORDER BY created_at, id"
        ).fetchall()
    return [row[0] for row in rows]


def expired_batches(database: Database, batch_ids: list[UUID]) -> list[UUID]:
    """Return those of the batches whose deadline passed before they were done."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT id FROM batch WHERE state = 'expired' AND id = ANY(%s)", (batch_ids,)
        ).fetchall()
    return [row[0] for row in rows]


def start_batch(database: Database, batch_id: UUID, run_id: str) -> dict[Partition, StageName]:
    """Return the unfinished partitions of a batch, each with the stage it begins at; empty when it is not open.

    A tenant's partitions are together, days ascending. They are in the run's hands now, and that is a try.
    """
    with database.system_tx() as connection:
        started = connection.execute(
            "UPDATE batch SET run_id = %s WHERE id = %s AND state = 'open'", (run_id, batch_id)
        ).rowcount
        if not started:
            return {}
        rows = connection.execute(
            """
            WITH taken AS (
                UPDATE work SET started_at = now(), attempts = attempts + 1
                WHERE batch_id = %s AND state = 'batched' RETURNING partition_day, tenant_id, first_stage)
            SELECT partition_day, tenant_id, slug, array_agg(first_stage)
            FROM taken JOIN tenant ON tenant.id = tenant_id
            GROUP BY partition_day, tenant_id, slug ORDER BY slug, partition_day
            """,
            (batch_id,),
        ).fetchall()
    return {Partition(*row): min(stages, key=STAGE_NAMES.index) for *row, stages in rows}


def traces_of(database: Database, batch_id: UUID) -> dict[tuple[UUID, date], str]:
    """Return the newest trace of each partition of a batch: its other ones are done by the same run."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT tenant_id, partition_day, max(trace_id) FROM work"
            " WHERE batch_id = %s AND trace_id IS NOT NULL GROUP BY tenant_id, partition_day",
            (batch_id,),
        ).fetchall()
    return {(tenant_id, day): trace_id for tenant_id, day, trace_id in rows}


def note_alive(database: Database, process: str) -> None:
    """Note that a part without a port of its own is at work."""
    with database.system_tx() as connection:
        connection.execute(
            "INSERT INTO sign_of_life (process) VALUES (%s) ON CONFLICT (process) DO UPDATE SET seen_at = now()",
            (process,),
        )


def set_deadline(database: Database, batch_id: UUID, lease: timedelta) -> None:
    """Have an open batch expire after `lease`, counted from now: its run is alive; below 0 where it is known dead."""
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE batch SET deadline_at = now() + %s WHERE id = %s AND state = 'open'", (lease, batch_id)
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Where and why a partition failed."""

    stage: StageName
    error: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.error}"


def finish(database: Database, batch_id: UUID, outcomes: Mapping[Partition, Fault | None]) -> None:
    """Mark partitions of a batch done, all in one transaction.

    A partition with a fault returns to the ledger, to go on at the stage that failed; after `MAX_ATTEMPTS`, or where a
    person's run tried it, it fails.
    """
    with database.system_tx() as connection:
        connection.execute(
            """
            WITH judged AS (
                SELECT work.tenant_id, work.id, outcome.error, outcome.stage,
                       outcome.error IS NULL OR attempts >= %(limit)s OR last_stage IS NOT NULL AS is_over
                FROM unnest(%(tenants)s::uuid[], %(days)s::date[], %(errors)s::text[], %(stages)s::text[])
                    AS outcome (tenant_id, partition_day, error, stage)
                JOIN work ON work.tenant_id = outcome.tenant_id AND work.partition_day = outcome.partition_day
                WHERE batch_id = %(batch_id)s AND state = 'batched')
            UPDATE work SET
                state = CASE WHEN judged.error IS NULL THEN 'done' WHEN is_over THEN 'failed' ELSE 'pending' END,
                finished_at = CASE WHEN is_over THEN now() END,
                batch_id = CASE WHEN is_over THEN batch_id END,
                first_stage = coalesce(stage, first_stage),
                error = coalesce(judged.error, '')
            FROM judged WHERE work.tenant_id = judged.tenant_id AND work.id = judged.id
            """,
            {
                "limit": MAX_ATTEMPTS,
                "batch_id": batch_id,
                "tenants": [partition.tenant_id for partition in outcomes],
                "days": [partition.day for partition in outcomes],
                "errors": [None if fault is None else str(fault) for fault in outcomes.values()],
                "stages": [None if fault is None else fault.stage for fault in outcomes.values()],
            },
        )
        jobs.settle(connection)


def close_batch(database: Database, batch_id: UUID) -> None:
    """End a batch; work of it that nobody came to returns to the ledger, untried. A person's run is not tried again."""
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE batch SET state = 'done', finished_at = now() WHERE id = %s AND state = 'open'", (batch_id,)
        )
        connection.execute(
            "UPDATE work SET state = 'pending', batch_id = NULL, attempts = attempts - (started_at IS NOT NULL)::int,"
            " started_at = NULL WHERE batch_id = %s AND state = 'batched' AND last_stage IS NULL",
            (batch_id,),
        )
        connection.execute(
            "UPDATE work SET state = 'failed', finished_at = now(), error = 'its run ended before it'"
            " WHERE batch_id = %s AND state = 'batched'",
            (batch_id,),
        )


def pending_count(database: Database) -> int:
    """Return how many accepted announcements are not finished; the outbox has them until the ledger does.

    What waits for a paused or suspended tenant is not counted: it stays until a person resumes it.
    """
    with database.system_tx() as connection:
        row = connection.execute(
            """
            SELECT (SELECT count(*) FROM outbox)
                 + (SELECT count(*) FROM work WHERE state = 'batched' OR state = 'pending'
                    AND tenant_id NOT IN (
                        SELECT id FROM tenant WHERE paused_at IS NOT NULL OR suspended_at IS NOT NULL))
            """
        ).fetchone()
    assert row is not None
    return int(row[0])
