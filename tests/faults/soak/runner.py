"""A process that starts runs, each a process of its own: `python -m tests.faults.soak.runner FOLDER`.

It builds batches as the sensor does and forks a run for one of them, so that a run can be killed as Dagster's can. Like
the sensor it lets a batch expire whose run it saw die.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import OpsintelError
from opsintel.objects.store import open_objects
from opsintel.queue import ledger
from opsintel.settings import Settings, load_settings
from opsintel_pipeline.worker.batch import LEASE, run_batch
from opsintel_pipeline.worker.stages import STAGES

STAGES_RUN = STAGES[1:3]
"""Messages and analyses: what a soak of minutes can do for every message."""

BATCH_SIZE = 12
PAUSE_SECONDS = 0.2


def main(folder: Path) -> None:
    """Fork one run after the other, for ever."""
    settings = load_settings()
    for stage in STAGES_RUN:
        import_module(stage.module)
    dead: list[UUID] = []
    while True:
        said, says = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(said)
            os._exit(_run(settings, folder, dead, says))
        os.close(says)
        with os.fdopen(said, "rb") as pipe:
            batch = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        dead = [UUID(batch)] if batch and status else []
        if not batch:
            time.sleep(PAUSE_SECONDS)


def _run(settings: Settings, folder: Path, dead: list[UUID], says: int) -> int:
    try:
        with Database(str(settings.db_url), max_size=3) as database:
            for batch in dead:
                ledger.set_deadline(database, batch, timedelta(seconds=-1))
            ledger.build_batches(database, size=BATCH_SIZE, deadline=LEASE)
            for batch in ledger.open_batches(database):
                if _take(folder / f"{batch}.lock"):
                    os.write(says, str(batch).encode())
                    os.close(says)
                    context = Context(database, open_objects(settings), settings)
                    run_batch(context, batch, str(os.getpid()), lambda *_: None, stages=STAGES_RUN)
                    return 0
    except (OpsintelError, psycopg.Error) as error:
        with suppress(OSError):
            sys.stderr.write(f"{type(error).__name__}: {str(error)[:200]}\n")
            sys.stderr.flush()
        return 1
    return 0


def _take(lock: Path) -> bool:
    """Tell whether the batch is ours: the lock goes with this process."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]))
