"""A process that brings a rule's messages in line, and is killed after a page."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any
from uuid import UUID

import psycopg

from opsintel.db.engine import Database
from opsintel.learning import deciding

if __name__ == "__main__":
    url, tenant, rule, pages = sys.argv[1:]
    left = int(pages)
    through = deciding.announce_days

    def announce(connection: psycopg.Connection, *given: Any) -> None:
        global left  # noqa: PLW0603
        through(connection, *given)
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    deciding.announce_days = announce
    deciding.PAGE = 2
    with Database(url) as database:
        deciding.settle(database, UUID(tenant), UUID(rule))
