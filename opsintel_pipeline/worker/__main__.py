"""`python -m opsintel_pipeline.worker`: the long-running process. It relays and consumes until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from opsintel.db.connect import database_urls
from opsintel.db.engine import Database
from opsintel.errors import OpsintelError
from opsintel.queue.choose import open_queue
from opsintel.settings import load_settings
from opsintel_pipeline.worker.heartbeat import Heartbeat
from opsintel_pipeline.worker.loop import run


def main() -> None:
    """Run until SIGTERM or Ctrl-C, then end after the step in hand; one line and exit code 1 for wrong settings."""
    try:
        settings = load_settings()
        settings.master_key()
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=settings.log_level)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with (
            database_urls(settings) as urls,
            Database(urls.service, max_size=3) as database,
            open_queue(settings, database) as queue,
        ):
            run(database, queue, stop, Heartbeat(settings.data_dir))
    except OpsintelError as error:
        sys.stderr.write(f"opsintel: {error.line()}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
