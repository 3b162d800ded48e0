"""What a person materialises goes through the ledger too: the same exclusivity, and rows that say what was run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.partitions import Partition, StageName
from opsintel.queue import ledger

REASON = "materialization"


def claim(
    database: Database, days: Sequence[Partition], stage: StageName, run_id: str, lease: timedelta
) -> UUID | None:
    """Enter days of one tenant as a batch of their own, one stage each, and return its id; None while it is not free.

    As long as the batch is open no other gets the tenant. Its run renews the lease, finishes the days, and closes it.
    """
    tenant_id = days[0].tenant_id
    with database.system_tx() as connection:
        ledger.lock(connection)
        ledger.expire(connection)
        if connection.execute(
            "SELECT 1 FROM work WHERE state = 'batched' AND tenant_id = %s LIMIT 1", (tenant_id,)
        ).fetchone():
            return None
        batch_id = new_id()
        connection.execute(
            "INSERT INTO batch (id, kind, run_id, deadline_at) VALUES (%s, 'materialization', %s, now() + %s)",
            (batch_id, run_id, lease),
        )
        connection.execute(
            "INSERT INTO work (tenant_id, id, partition_day, reason, first_stage, last_stage, state, batch_id,"
            " started_at, attempts)"
            " SELECT %(tenant)s, id, day, %(reason)s, %(stage)s, %(stage)s, 'batched', %(batch)s, now(), 1"
            " FROM unnest(%(ids)s::uuid[], %(days)s::date[]) AS wanted (id, day)",
            {
                "tenant": tenant_id,
                "reason": REASON,
                "stage": stage,
                "batch": batch_id,
                "ids": [new_id() for _ in days],
                "days": [partition.day for partition in days],
            },
        )
    return batch_id
