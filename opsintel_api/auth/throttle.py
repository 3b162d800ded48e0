"""Log-ins that are tried, counted by account and by address in buckets that all API processes share."""

from __future__ import annotations

import hashlib
import hmac
import math

from opsintel.coordination.contract import AsyncLimits, Key, Limit

TRIES_PER_ACCOUNT = Limit(per_second=10 / 900, burst=10)
"""Ten at once, then one every 90 s."""

TRIES_PER_ADDRESS = Limit(per_second=50 / 900, burst=50)
"""More, as many people may share an address."""


class LoginThrottle:
    """Refuses log-ins after too many failures, for accounts that exist and for those that do not."""

    def __init__(self, limits: AsyncLimits, secret: bytes) -> None:
        """`secret` turns addresses into names that tell nobody's address."""
        self._limits = limits
        self._secret = secret

    async def begin(self, account: str, address: str) -> int:
        """Count a try, before its password is checked: tries that run side by side count as well.

        Returns 0, or, when it is not taken, the whole seconds after which one will be.
        """
        place = self._key("address", address)
        wait = await self._limits.acquire(place, TRIES_PER_ADDRESS)
        if not wait:
            wait = await self._limits.acquire(self._key("account", account), TRIES_PER_ACCOUNT)
            if wait:
                await self._limits.refund(place, TRIES_PER_ADDRESS)
        return math.ceil(wait)

    async def succeeded(self, account: str, address: str) -> None:
        """Forget an account's failures, and the last try of its address."""
        await self._limits.refund(self._key("account", account), TRIES_PER_ACCOUNT, TRIES_PER_ACCOUNT.burst)
        await self._limits.refund(self._key("address", address), TRIES_PER_ADDRESS)

    def _key(self, kind: str, value: str) -> Key:
        digest = hmac.digest(self._secret, f"{kind} {value}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        return Key(None, f"login:{kind}:{digest.hex()[:32]}")
