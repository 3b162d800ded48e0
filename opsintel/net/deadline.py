"""The time that a whole exchange may take."""

from __future__ import annotations

import time

from opsintel.errors import UnavailableError


class Deadline:
    """Counts from its making; every step of the exchange asks for what is left."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, at_most: float | None = None) -> float:
        """Return the seconds left, `at_most` if that is less; `UnavailableError` when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left if at_most is None else min(left, at_most)

    def passed(self) -> UnavailableError:
        """Return the error that says the time is up."""
        return UnavailableError(f"The server did not answer in full within {self._seconds:g} s")
