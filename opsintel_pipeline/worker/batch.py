"""Work through a batch of the ledger, stage by stage, whoever asked for it: a Dagster run or a command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.errors import OpsintelError
from opsintel.partitions import STAGE_NAMES, Partition, StageName
from opsintel.queue import ledger
from opsintel_pipeline.worker.stages import STAGES, Outcome, Stage, run_stage

CHUNK = 50
"""Tenant-days, at least, that pass through all stages together; between chunks a run may end."""

BUDGET_SECONDS = 45.0
"""After this long no further chunk is begun: what is left returns to the ledger."""

LEASE = timedelta(seconds=30)
"""A batch whose run stops renewing it returns to the ledger after this long."""

Observer = Callable[[Stage, Sequence[Outcome]], None]
Lease = Callable[[Context, UUID], AbstractContextManager[None]]


@dataclass
class BatchResult:
    """What a run did: partitions that went through all stages, and those that failed with the reason."""

    done: int
    failed: dict[Partition, ledger.Fault]


def run_batch(
    context: Context,
    batch_id: UUID,
    run_id: str,
    observe: Observer,
    *,
    stages: Sequence[Stage] = STAGES,
    lease: Lease | None = None,
) -> BatchResult:
    """Run a batch through the stages, each partition from where it begins; `observe` is told before the ledger is.

    A batch that is done or has expired does nothing. Killed anywhere, the batch expires and is built anew.
    `lease` keeps the batch ours meanwhile; by default a thread renews its deadline.
    """
    result = BatchResult(0, {})
    begins = ledger.start_batch(context.database, batch_id, run_id)
    if not begins:
        ledger.close_batch(context.database, batch_id)  # its tenants are gone, or a killed run had finished them
        return result
    began = time.monotonic()
    with (lease or keep_lease)(context, batch_id):
        for number, chunk in enumerate(chunks(list(begins))):
            if number and time.monotonic() - began > BUDGET_SECONDS:
                break
            _run_chunk(context, batch_id, {day: begins[day] for day in chunk}, stages, observe, result)
    ledger.close_batch(context.database, batch_id)
    return result


def chunks(partitions: Sequence[Partition]) -> Iterator[list[Partition]]:
    """Yield partitions in chunks that split no tenant.

    So a tenant's issues see the same messages whether or not a run was killed in between: its days pass together.
    """
    chunk: list[Partition] = []
    for _, of_tenant in groupby(partitions, key=attrgetter("tenant_id")):
        chunk += of_tenant
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _run_chunk(
    context: Context,
    batch_id: UUID,
    begins: Mapping[Partition, StageName],
    stages: Sequence[Stage],
    observe: Observer,
    result: BatchResult,
) -> None:
    failed: dict[Partition, ledger.Fault] = {}
    traces = ledger.traces_of(context.database, batch_id)
    for stage in stages:
        reached = STAGE_NAMES[: STAGE_NAMES.index(stage.asset) + 1]
        going = [partition for partition, begin in begins.items() if begin in reached and partition not in failed]
        outcomes = list(run_stage(context, stage, going, traces))
        observe(stage, outcomes)
        failed |= {o.partition: ledger.Fault(stage.asset, o.error) for o in outcomes if o.error is not None}
    ledger.finish(context.database, batch_id, {partition: failed.get(partition) for partition in begins})
    result.failed |= failed
    result.done += len(begins) - len(failed)


@contextmanager
def keep_lease(context: Context, batch_id: UUID) -> Iterator[None]:
    """Keep the batch ours while a stage takes long: a thread renews its deadline."""
    ended = threading.Event()

    def renew() -> None:
        while True:
            try:
                ledger.set_deadline(context.database, batch_id, LEASE)
            except (psycopg.Error, OpsintelError):
                return  # the database went away: the run will notice by itself, and the lease runs out
            if ended.wait(LEASE.total_seconds() / 3):
                return

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
