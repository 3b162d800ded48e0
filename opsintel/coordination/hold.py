"""Hold a lock while something is done that two processes must not do side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from opsintel.coordination.contract import Coordinator, Key, Lock
from opsintel.errors import UnavailableError

POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Held:
    """A lock in hand."""

    coordinator: Coordinator
    lock: Lock

    def keep(self) -> None:
        """Begin its lease anew; `UnavailableError` when it was lost, so that its holder stops."""
        if not self.coordinator.renew(self.lock):
            raise UnavailableError(f"The lock {self.lock.key} was lost", remedy="It is done again by whoever has it")


@contextmanager
def held(
    coordinator: Coordinator,
    key: Key,
    lease: timedelta,
    *,
    patience: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Held]:
    """Yield the lock once it is free, and free it at the end.

    Raises `UnavailableError` when somebody else still holds it after `patience` seconds.
    """
    waited = 0.0
    while (lock := coordinator.lock(key, lease)) is None:
        if waited >= patience:
            raise UnavailableError(f"{key} is being worked on by another process", remedy="It is tried again later")
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    try:
        yield Held(coordinator, lock)
    finally:
        coordinator.unlock(lock)
