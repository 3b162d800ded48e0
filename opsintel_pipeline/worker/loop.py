"""The worker's loop: outbox to queue, queue to ledger, again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import psycopg

from opsintel.db.engine import Database
from opsintel.errors import DatabaseError, RetriableError
from opsintel.queue.consume import consume_once
from opsintel.queue.outbox import relay_once
from opsintel.queue.postgres import PostgresQueue

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.25
"""Pause when there was nothing to do."""

LONGEST_PAUSE = 10.0
"""Pause, at most, while the database does not answer."""


def run(database: Database, stop: threading.Event, beat: Callable[[], None]) -> None:
    """Relay and consume until `stop` is set; while the database or the queue is away, wait and try again.

    `beat` is called after every round that succeeded.
    """
    queue = PostgresQueue(database)
    pause = IDLE_SECONDS
    while not stop.is_set():
        try:
            moved = relay_once(database, queue) + consume_once(database, queue)
        except (psycopg.Error, DatabaseError, RetriableError) as error:
            pause = min(pause * 2, LONGEST_PAUSE)
            logger.warning("waiting %.1f s for the database or the queue: %s", pause, type(error).__name__)
            stop.wait(pause)
        else:
            pause = IDLE_SECONDS
            beat()
            if not moved:
                stop.wait(pause)
