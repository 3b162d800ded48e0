"""A stage over the partitions that a person chose: through the ledger, tenant by tenant, beside no other run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from opsintel.context import Context
from opsintel.partitions import Partition
from opsintel.queue import by_hand, ledger
from opsintel_pipeline.worker.batch import LEASE, keep_lease
from opsintel_pipeline.worker.stages import Outcome, Stage, run_stage

LONGEST_WAIT_SECONDS = 300.0
"""A batch lasts a minute or less; what waits this long for a tenant stands behind runs that do not end."""

LOOK_SECONDS = 0.2


def run_by_hand(context: Context, stage: Stage, partitions: Sequence[Partition], run_id: str) -> Iterator[Outcome]:
    """Run a stage on partitions and yield how each ended, once the ledger says so; a tenant's days go ascending.

    A tenant that a batch has in hand is waited for; one that does not become free has its partitions fail.
    """
    ordered = sorted(partitions, key=lambda partition: (partition.tenant_slug, partition.day))
    for _, of_tenant in groupby(ordered, key=attrgetter("tenant_id")):
        days = list(of_tenant)
        batch_id = _claim(context, days, stage, run_id)
        if batch_id is None:
            yield from (Outcome(day, 0.0, error="Another run has this tenant in hand; try again") for day in days)
        else:
            yield from _run(context, batch_id, stage, days)


def _claim(context: Context, days: list[Partition], stage: Stage, run_id: str) -> UUID | None:
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while (batch_id := by_hand.claim(context.database, days, stage.asset, run_id, LEASE)) is None:
        if time.monotonic() > until:
            return None
        time.sleep(LOOK_SECONDS)
    return batch_id


def _run(context: Context, batch_id: UUID, stage: Stage, days: list[Partition]) -> Iterator[Outcome]:
    try:
        with keep_lease(context, batch_id):
            for outcome in run_stage(context, stage, days):
                fault = None if outcome.error is None else ledger.Fault(stage.asset, outcome.error)
                ledger.finish(context.database, batch_id, {outcome.partition: fault})
                yield outcome
    finally:
        ledger.close_batch(context.database, batch_id)
