"""The worker's loop: jobs into the ledger, outbox to queue, queue to ledger, again and again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg

from opsintel.db.engine import Database
from opsintel.db.listener import Listener
from opsintel.errors import DatabaseError, OpsintelError, RetriableError
from opsintel.llm.parked import resume
from opsintel.metrics import counted
from opsintel.queue.consume import consume_once
from opsintel.queue.contract import CHANNEL, Queue
from opsintel.queue.jobs import start_jobs
from opsintel.queue.outbox import relay_once

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""Pause when there was nothing to do, unless the database notifies before."""

DEAF_SECONDS = 0.25
"""The same pause while the database cannot be listened to."""

LONGEST_PAUSE = 2.0
"""Pause, at most, while the database or the queue does not answer."""


def run(database: Database, queue: Queue, stop: threading.Event, beat: Callable[[], None]) -> None:
    """Relay and consume until `stop` is set; while the database or the queue is away, wait and try again.

    `beat` is called after every round that succeeded.
    """
    pause = DEAF_SECONDS
    with database.listener(CHANNEL) as listener:
        while not stop.is_set():
            try:
                moved = _round(database, queue)
            except (psycopg.Error, DatabaseError, RetriableError) as error:
                pause = min(pause * 2, LONGEST_PAUSE)
                counted.ROUND_FAULTS.inc()
                logger.warning("waiting %.1f s: %s", pause, _line(error))
                stop.wait(pause)
            else:
                pause = DEAF_SECONDS
                counted.ROUND.set_to_current_time()
                beat()
                if not moved:
                    _idle(listener, stop)


def _round(database: Database, queue: Queue) -> int:
    """Do a round and return how much it moved."""
    started = start_jobs(database) + resume(database)
    relayed = relay_once(database, queue)
    counted.RELAYED.inc(relayed)
    consumed = consume_once(database, queue)
    counted.CONSUMED.inc(consumed)
    return started + relayed + consumed


def _idle(listener: Listener, stop: threading.Event) -> None:
    """Wait until the database notifies, `stop` is set, or it is time to look all the same."""
    until = time.monotonic() + IDLE_SECONDS
    while not stop.is_set() and time.monotonic() < until:
        if listener.wait(min(IDLE_SECONDS, DEAF_SECONDS)):
            return
        if not listener.listens:
            stop.wait(DEAF_SECONDS)
            return


def _line(error: Exception) -> str:
    return error.line() if isinstance(error, OpsintelError) else type(error).__name__
