"""Process what waits in this very process: for commands that run while no stack does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from opsintel.context import Context
from opsintel.queue import ledger
from opsintel.queue.choose import open_queue
from opsintel.queue.consume import consume_once
from opsintel.queue.jobs import start_jobs
from opsintel.queue.outbox import relay_once
from opsintel_pipeline.worker.batch import LEASE, run_batch
from opsintel_pipeline.worker.stages import STAGES, Outcome, Stage

WAIT_SECONDS = 0.5


def process_waiting(context: Context, progress: Callable[[], None] | None = None) -> int:
    """Run all stages over everything that is announced and return how many partitions were done.

    Failed partitions are tried again as often as the ledger allows. What another process has in hand is waited for: it
    finishes it, or its lease runs out. `progress` is called for each partition done.
    """

    def observe(stage: Stage, outcomes: Sequence[Outcome]) -> None:
        if progress is not None and stage is STAGES[-1]:
            for _ in outcomes:
                progress()

    done = 0
    while True:
        move_announcements(context)
        batches = ledger.build_batches(context.database, deadline=LEASE)
        if not batches:
            if ledger.pending_count(context.database) == 0:
                return done
            time.sleep(WAIT_SECONDS)
        for batch_id in batches:
            done += run_batch(context, batch_id, "inline", observe).done


def move_announcements(context: Context) -> int:
    """Bring jobs and announcements into the ledger and return how many announcements arrived there."""
    arrived = 0
    start_jobs(context.database)
    # Opened for each time: no connection to a broker outlives the batches that come in between.
    with open_queue(context.settings, context.database) as queue:
        while True:
            published = relay_once(context.database, queue)
            consumed = consume_once(context.database, queue)
            arrived += consumed
            if not published + consumed:
                return arrived
