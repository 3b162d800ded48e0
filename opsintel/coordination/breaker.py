"""A circuit breaker: a server that fails once is left alone until a probe in the background finds it well."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from opsintel.errors import UnavailableError

logger = logging.getLogger(__name__)

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 30.0
"""Seconds between probes; they double up to this."""


class Breaker:
    """Closed while the server is well. Nobody who works waits for a server that is known to be away."""

    def __init__(self, name: str, probe: Callable[[], None], *, first_pause: float = FIRST_PAUSE) -> None:
        """`probe` raises `UnavailableError` while the server is away."""
        self._name = name
        self._probe = probe
        self._first_pause = first_pause
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None

    @property
    def is_closed(self) -> bool:
        """Tell whether the server may be used."""
        return self._watch is None

    def open(self, error: UnavailableError) -> None:
        """Leave the server alone from now on; say so once, and watch for its return."""
        with self._lock:
            if self._watch is not None or self._stop.is_set():
                return
            logger.warning("%s; what it does is done by PostgreSQL until it is back", error.line())
            self._watch = threading.Thread(target=self._watch_for_return, name=f"probe {self._name}", daemon=True)
            self._watch.start()

    def stop(self) -> None:
        """End watching."""
        self._stop.set()

    def _watch_for_return(self) -> None:
        pause = self._first_pause
        while not self._stop.wait(pause):
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                self._probe()
            except UnavailableError:
                continue
            logger.warning("%s is back", self._name)
            self._watch = None
            return
