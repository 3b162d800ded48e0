"""`python -m opsintel_pipeline.worker`: the long-running process. It relays, consumes and polls until told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

from opsintel.context import Context
from opsintel.db.connect import database_urls
from opsintel.db.engine import Database
from opsintel.errors import OpsintelError
from opsintel.logs.setup import configure_logging
from opsintel.metrics.pools import PoolGauge
from opsintel.metrics.server import serving_metrics
from opsintel.metrics.stored import StoredGauges
from opsintel.objects.store import open_objects
from opsintel.queue.choose import open_queue
from opsintel.settings import load_settings, variable_of
from opsintel_pipeline.analyze.estimating import ESTIMATES
from opsintel_pipeline.erasure.run import ERASURES
from opsintel_pipeline.llm.trial import TRIALS
from opsintel_pipeline.person_export.run import EXPIRED, EXPORTS
from opsintel_pipeline.worker import batches, limits, listening, polling, watching
from opsintel_pipeline.worker.alerts import ALERTS
from opsintel_pipeline.worker.heartbeat import Heartbeat
from opsintel_pipeline.worker.learned_rules import LEARNED_RULES
from opsintel_pipeline.worker.loop import run
from opsintel_pipeline.worker.shadows import SHADOW_RUNS


def main() -> None:
    """Run until SIGTERM or Ctrl-C, then end after the step in hand; one line and exit code 1 for wrong settings."""
    try:
        settings = load_settings()
        settings.master_key()
        configure_logging("worker", settings)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with (
            database_urls(settings) as urls,
            Database(urls.service, max_size=6 + polling.READERS) as database,
            open_queue(settings, database) as queue,
            Database(urls.service, max_size=1) as gauged,
            serving_metrics(
                settings.worker_metrics_addr,
                variable_of("worker_metrics_addr"),
                [StoredGauges(gauged), PoolGauge(database.pool_figures)],
            ),
        ):
            context = Context(database, open_objects(settings), settings)
            _beside("polling", polling.run, context, stop)
            _beside("listening", listening.run, context, stop)
            _beside("watching", watching.run, context, stop)
            _beside("batches", batches.run, context, stop)
            for errands in (ERASURES, EXPORTS, EXPIRED, TRIALS, ESTIMATES, SHADOW_RUNS, LEARNED_RULES, ALERTS):
                _beside(errands.name, errands.run, context, stop)
            threading.Thread(target=limits.run, args=(database, stop), name="limits", daemon=True).start()
            run(database, queue, stop, Heartbeat(settings.data_dir))
    except OpsintelError as error:
        sys.stderr.write(f"opsintel: {error.line()}\n")
        sys.exit(1)


def _beside(
    name: str, work: Callable[[Context, threading.Event], None], context: Context, stop: threading.Event
) -> None:
    """Work beside the loop; should that end by itself, the worker ends too, and is started again."""

    def run_until_stop() -> None:
        try:
            work(context, stop)
        finally:
            stop.set()

    threading.Thread(target=run_until_stop, name=name, daemon=True).start()


if __name__ == "__main__":
    main()
