"""Google's budget of an account, kept by all processes together: they wait before a request instead of being refused.

Source: the usage limits of the Sheets API: 60 reads and 60 writes a minute for each user of a project.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Literal

from opsintel.coordination import pace
from opsintel.coordination.contract import Coordinator, Key, Limit

Kind = Literal["read", "write"]

BUDGET = Limit(per_second=40 / 60, burst=20)
"""At most 60 requests in any minute: 20 at once, and 40 that flow in meanwhile."""


class Pace:
    """The pace of one account."""

    def __init__(self, coordinator: Coordinator, account: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """`account` is the address of the service account, whose budget its tenants share."""
        self._pace = pace.Pace(coordinator, sleep)
        self._account = hashlib.sha256(account.encode()).hexdigest()[:16]

    def wait(self, kind: Kind) -> None:
        """Return when a request may be sent; `BusyError` when that takes longer than two minutes."""
        self._pace.spend(self._key(kind), BUDGET, of="Google Sheets")

    def refused(self, kind: Kind, seconds: float) -> None:
        """Keep all processes from asking for so long, as Google asked one of them to."""
        self._pace.hold_back(self._key(kind), seconds)

    def _key(self, kind: Kind) -> Key:
        return Key(None, f"sheets:{kind}:{self._account}")
