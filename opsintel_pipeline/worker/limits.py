"""Analysts' sessions are held to their limits: a login may lift its own time-outs, but not this."""

from __future__ import annotations

import logging
import threading

import psycopg

from opsintel.db.engine import Database
from opsintel.errors import DatabaseError

logger = logging.getLogger(__name__)

SECONDS = 5.0
"""Between two looks: how much longer than its limit a statement may run."""


def run(database: Database, stop: threading.Event) -> None:
    """End sessions past a limit until `stop` is set; a database that is away is looked for again."""
    while not stop.wait(SECONDS):
        try:
            keep_limits(database)
        except (psycopg.Error, DatabaseError) as error:
            logger.warning("the limits of analysts are not looked after: %s", type(error).__name__)


def keep_limits(database: Database) -> int:
    """End the sessions of analysts that are past a limit or have no right to be there; return how many."""
    with database.system_tx() as connection:
        row = connection.execute("SELECT gate.keep_limits()").fetchone()
    assert row is not None
    if row[0]:
        logger.warning("%d sessions of analysts were past their limits and are ended", row[0])
    return int(row[0])
