"""The work ledger: what is to be done, in batches that runs take; nothing leaves it before it is done.

A batch's id is the run key. A sensor offers every open batch again on each tick; a batch whose run died expires and
its work returns to the ledger, to be built into a new batch under a new id. Deadlines are set and judged by the
database's clock: that of a machine may be wrong by an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import psycopg

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.partitions import Partition

MAX_ATTEMPTS = 5
NARROWING = 4
"""A batch whose run died is built anew in so many parts, until the partition that kills its runs is alone."""

BATCH_LOCK = 0x6F707362
"""Advisory lock that lets one process build batches at a time."""


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
    delays nobody by more than a batch. While a tenant has an open batch its next days wait: days go in order.
    Work whose runs died goes into ever smaller batches, apart from the rest, so that a partition that kills its runs
    fails alone in the end. `now` is the database's own time unless it is given.
    """
    with database.system_tx() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (BATCH_LOCK,))
        _expire(connection, now)
        days = connection.execute(
            """
            SELECT tenant_id, partition_day, deaths FROM (
                SELECT tenant_id, partition_day, min(created_at) AS since, max(deaths) AS deaths,
                       row_number() OVER (PARTITION BY tenant_id ORDER BY partition_day) AS place
                FROM work WHERE state = 'pending' AND tenant_id NOT IN (
                    SELECT tenant_id FROM work WHERE state = 'batched')
                GROUP BY tenant_id, partition_day) AS waiting
            WHERE place <= %s ORDER BY deaths, since, tenant_id, partition_day
            """,
            (per_tenant,),
        ).fetchall()
        return [_store_batch(connection, batch, now, deadline) for batch in _batches_of(days, size)]


def _expire(connection: psycopg.Connection, now: datetime | None) -> None:
    """Return the work of batches whose deadline passed to the ledger, or give it up after `MAX_ATTEMPTS`."""
    connection.execute(
        """
        WITH expired AS (
            UPDATE batch SET state = 'expired', finished_at = coalesce(%(now)s, now())
            WHERE state = 'open' AND deadline_at < coalesce(%(now)s, now()) RETURNING id)
        UPDATE work SET state = CASE WHEN attempts >= %(limit)s THEN 'failed' ELSE 'pending' END,
            error = CASE WHEN attempts >= %(limit)s
                         THEN 'its run died ' || deaths + 1 || ' times without a word' ELSE error END,
            finished_at = CASE WHEN attempts >= %(limit)s THEN coalesce(%(now)s, now()) END,
            deaths = deaths + 1, batch_id = NULL
        WHERE state = 'batched' AND batch_id IN (SELECT id FROM expired)
        """,
        {"now": now, "limit": MAX_ATTEMPTS},
    )


def _batches_of(days: list[tuple[UUID, date, int]], size: int) -> Iterator[list[tuple[UUID, date]]]:
    """Yield the days of each batch: those whose runs died as often together, in batches that get smaller each time."""
    for deaths, group in groupby(days, key=itemgetter(2)):
        alike = [(tenant_id, day) for tenant_id, day, _ in group]
        room = max(size // NARROWING**deaths, 1)
        for start in range(0, len(alike), room):
            yield alike[start : start + room]


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
        UPDATE work SET state = 'batched', batch_id = %s, attempts = attempts + 1
        FROM unnest(%s::uuid[], %s::date[]) AS wanted (tenant_id, partition_day)
        WHERE work.state = 'pending' AND work.tenant_id = wanted.tenant_id
          AND work.partition_day = wanted.partition_day
        """,
        (batch_id, [tenant_id for tenant_id, _ in days], [day for _, day in days]),
    )
    return batch_id


def open_batches(database: Database) -> list[UUID]:
    """Return the batches that are not done, oldest first."""
    with database.system_tx() as connection:
        rows = connection.execute("SELECT id FROM batch WHERE state = 'open' ORDER BY created_at, id").fetchall()
    return [row[0] for row in rows]


def expired_batches(database: Database, batch_ids: list[UUID]) -> list[UUID]:
    """Return those of the batches whose deadline passed before they were done."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT id FROM batch WHERE state = 'expired' AND id = ANY(%s)", (batch_ids,)
        ).fetchall()
    return [row[0] for row in rows]


def start_batch(database: Database, batch_id: UUID, run_id: str) -> list[Partition]:
    """Return the unfinished partitions of a batch, tenants together and days ascending; empty when it is not open."""
    with database.system_tx() as connection:
        started = connection.execute(
            "UPDATE batch SET run_id = %s WHERE id = %s AND state = 'open'", (run_id, batch_id)
        ).rowcount
        if not started:
            return []
        rows = connection.execute(
            """
            SELECT DISTINCT work.partition_day, work.tenant_id, tenant.slug
            FROM work JOIN tenant ON tenant.id = work.tenant_id
            WHERE work.batch_id = %s AND work.state = 'batched' ORDER BY tenant.slug, work.partition_day
            """,
            (batch_id,),
        ).fetchall()
    return [Partition(*row) for row in rows]


def set_deadline(database: Database, batch_id: UUID, lease: timedelta) -> None:
    """Have an open batch expire after `lease`, counted from now: its run is alive; below 0 where it is known dead."""
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE batch SET deadline_at = now() + %s WHERE id = %s AND state = 'open'", (lease, batch_id)
        )


def finish(database: Database, batch_id: UUID, outcomes: Mapping[Partition, str | None]) -> None:
    """Mark partitions of a batch done, all in one transaction.

    A partition with an error returns to the ledger, or fails after `MAX_ATTEMPTS`.
    """
    with database.system_tx() as connection:
        connection.execute(
            """
            UPDATE work SET
                state = CASE WHEN outcome.error IS NULL THEN 'done'
                             WHEN attempts >= %(limit)s THEN 'failed' ELSE 'pending' END,
                finished_at = CASE WHEN outcome.error IS NULL OR attempts >= %(limit)s THEN now() END,
                error = coalesce(outcome.error, '')
            FROM unnest(%(tenants)s::uuid[], %(days)s::date[], %(errors)s::text[])
                AS outcome (tenant_id, partition_day, error)
            WHERE batch_id = %(batch_id)s AND state = 'batched'
              AND work.tenant_id = outcome.tenant_id AND work.partition_day = outcome.partition_day
            """,
            {
                "limit": MAX_ATTEMPTS,
                "batch_id": batch_id,
                "tenants": [partition.tenant_id for partition in outcomes],
                "days": [partition.day for partition in outcomes],
                "errors": list(outcomes.values()),
            },
        )


def close_batch(database: Database, batch_id: UUID) -> None:
    """End a batch; work of it that was not finished returns to the ledger."""
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE batch SET state = 'done', finished_at = now() WHERE id = %s AND state = 'open'", (batch_id,)
        )
        connection.execute(
            "UPDATE work SET state = 'pending', batch_id = NULL WHERE batch_id = %s AND state = 'batched'", (batch_id,)
        )


def pending_count(database: Database) -> int:
    """Return how many accepted announcements are not finished; the outbox has them until the ledger does."""
    with database.system_tx() as connection:
        row = connection.execute(
            """
            SELECT (SELECT count(*) FROM outbox)
                 + (SELECT count(*) FROM work WHERE state IN ('pending', 'batched'))
            """
        ).fetchone()
    assert row is not None
    return int(row[0])
