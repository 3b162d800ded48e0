"""Limits of others that our processes keep together: they wait before a request instead of being refused."""

from __future__ import annotations

import time
from collections.abc import Callable

from opsintel.coordination.contract import Coordinator, Key, Limit
from opsintel.errors import BusyError

LONGEST_WAIT = 120.0
"""Seconds that one request is waited for."""

LONGEST_PENALTY = 3600.0
"""Seconds that all are held back at once, whatever a server asks for: then it is asked again."""


class Pace:
    """Token buckets of one process, shared with all others."""

    def __init__(self, coordinator: Coordinator, sleep: Callable[[float], None] = time.sleep) -> None:
        self._coordinator = coordinator
        self._sleep = sleep

    def spend(self, key: Key, limit: Limit, tokens: int = 1, *, of: str) -> None:
        """Return when the tokens are ours; `BusyError` when that takes longer than two minutes. `of` names whose."""
        waited = 0.0
        while wait := self._coordinator.acquire(key, limit, tokens):
            if waited + wait > LONGEST_WAIT:
                raise BusyError(f"{of} takes no more requests for {wait:.0f} s", seconds=wait)
            self._sleep(wait)
            waited += wait

    def hold_back(self, key: Key, seconds: float) -> None:
        """Keep all processes from spending for so long, as a server asked one of them to."""
        self._coordinator.penalise(key, min(seconds, LONGEST_PENALTY))
