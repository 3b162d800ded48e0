"""A worker that is killed as soon as it has handed a letter over: `python -m tests.alerts.dying_teller URL SMTP`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from opsintel.alerts import telling
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.settings import load_settings
from opsintel_pipeline.worker.alerts import ALERTS
from tests.peers.smtp import FROM


def die(*_: Any) -> None:
    """End without a word, before it is noted that a letter was sent."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    url, smtp = sys.argv[1:]
    settings = load_settings({"DB_URL": url, "OPSINTEL_SMTP_URL": smtp, "OPSINTEL_MAIL_FROM": FROM})
    telling.has_letter = die
    with Database(url, max_size=2) as database:
        ALERTS.work(Context(database, open_objects(settings), settings))
