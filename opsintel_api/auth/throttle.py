"""Failed log-ins, counted by account and by address.

Kept in this process: several API processes each count their own, and a restart forgets.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_SECONDS = 15 * 60
FAILURES_PER_ACCOUNT = 10
FAILURES_PER_ADDRESS = 50
MAXIMUM_KEYS = 50_000


@dataclass
class LoginThrottle:
    """Refuses log-ins after too many failures within the window, for accounts that exist and for those that do not."""

    clock: Callable[[], float] = time.monotonic
    _failures: OrderedDict[tuple[str, str], deque[float]] = field(default_factory=OrderedDict)

    def wait_seconds(self, account: str, address: str) -> int:
        """Return how long until another try is taken; 0 when at once."""
        waits = [
            self._wait(("account", account), FAILURES_PER_ACCOUNT),
            self._wait(("address", address), FAILURES_PER_ADDRESS),
        ]
        return max(waits)

    def failed(self, account: str, address: str) -> None:
        """Count a try, before its password is checked: tries that run side by side count as well."""
        for key in (("account", account), ("address", address)):
            self._failures.setdefault(key, deque(maxlen=FAILURES_PER_ADDRESS)).append(self.clock())
            self._failures.move_to_end(key)
        while len(self._failures) > MAXIMUM_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """Forget an account's failures, and the last try of its address."""
        self._failures.pop(("account", account), None)
        tries = self._failures.get(("address", address))
        if tries:
            tries.pop()

    def _wait(self, key: tuple[str, str], limit: int) -> int:
        tries = self._failures.get(key)
        if tries is None:
            return 0
        now = self.clock()
        while tries and tries[0] <= now - WINDOW_SECONDS:
            tries.popleft()
        if not tries:
            del self._failures[key]
            return 0
        return 0 if len(tries) < limit else max(1, int(tries[-limit] + WINDOW_SECONDS - now) + 1)
