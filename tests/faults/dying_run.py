"""A run in a process of its own that dies over one day: `python -m tests.faults.dying_run DB_URL BATCH DAY FOLDER`."""

from __future__ import annotations

import os
import sys
from datetime import date
from uuid import UUID

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.partitions import Partition, StageResult
from opsintel.settings import load_settings
from opsintel_pipeline.simulation.processes import SimulatedStage
from opsintel_pipeline.worker.batch import run_batch


def main(url: str, batch: str, day: str, folder: str) -> None:
    """Run the batch; the process is gone, without a word, where it comes to the day."""

    def work(context: Context, partition: Partition) -> StageResult:
        if partition.day == date.fromisoformat(day):
            os._exit(9)
        return StageResult(1)

    settings = load_settings({"DB_URL": url, "OPSINTEL_DATA_DIR": folder})
    with Database(url, max_size=2) as database:
        context = Context(database, open_objects(settings), settings)
        run_batch(context, UUID(batch), "run", lambda *_: None, stages=(SimulatedStage("messages", "", work=work),))


if __name__ == "__main__":
    main(*sys.argv[1:])
