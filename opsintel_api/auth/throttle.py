"""Tries of anything secret, counted by account and by address in buckets that all API processes share."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
from collections.abc import Mapping
from typing import Literal

from opsintel.coordination.contract import AsyncLimits, Key, Limit

Purpose = Literal["login", "reset", "register", "link", "token", "sign_on"]

QUARTER, HOUR = 900, 3600

TRIES_PER_ACCOUNT = Limit(per_second=10 / QUARTER, burst=10)
"""Ten at once, then one every 90 s."""

TRIES_PER_ADDRESS = Limit(per_second=50 / QUARTER, burst=50)
"""More, as many people may share an address."""

MAILS_PER_ACCOUNT = Limit(per_second=3 / HOUR, burst=3)
"""Mails that a stranger can have sent to somebody."""

_ACCOUNTS: Mapping[Purpose, Limit] = {
    "login": TRIES_PER_ACCOUNT,
    "reset": MAILS_PER_ACCOUNT,
    "register": MAILS_PER_ACCOUNT,
    "link": TRIES_PER_ACCOUNT,
    "token": TRIES_PER_ACCOUNT,
    "sign_on": TRIES_PER_ACCOUNT,
}
_IPV6_SITE = 64
"""Bits of an IPv6 address that a subscriber does not choose (RFC 6177)."""


class Throttle:
    """Refuses tries after too many failures, for accounts that exist and for those that do not."""

    def __init__(self, limits: AsyncLimits, secret: bytes) -> None:
        """`secret` turns addresses into names that tell nobody's address."""
        self._limits = limits
        self._secret = secret

    async def begin(self, purpose: Purpose, account: str | None, address: str) -> int:
        """Count a try, before its secret is checked: tries that run side by side count as well.

        `account` is what is tried; None where a try names nobody. Returns 0, or, when it is not taken, the whole
        seconds after which one will be.
        """
        place = self._place(purpose, address)
        wait = await self._limits.acquire(place, TRIES_PER_ADDRESS)
        if not wait and account is not None:
            wait = await self._limits.acquire(self._key(purpose, "account", account), _ACCOUNTS[purpose])
            if wait:
                await self._limits.refund(place, TRIES_PER_ADDRESS)
        return math.ceil(wait)

    async def succeeded(self, purpose: Purpose, account: str | None, address: str) -> None:
        """Forget an account's failures, and the last try of its address."""
        if account is not None:
            limit = _ACCOUNTS[purpose]
            await self._limits.refund(self._key(purpose, "account", account), limit, limit.burst)
        await self._limits.refund(self._place(purpose, address), TRIES_PER_ADDRESS)

    async def may_mail(self, purpose: Purpose, account: str) -> bool:
        """Count a mail that is asked for, and tell whether it may be sent."""
        return not await self._limits.acquire(self._key(purpose, "account", account), _ACCOUNTS[purpose])

    def _place(self, purpose: Purpose, address: str) -> Key:
        return self._key(purpose, "address", _site(address))

    def _key(self, purpose: Purpose, kind: str, value: str) -> Key:
        named = f"{purpose} {kind} {value}".encode("utf-8", "surrogatepass")
        return Key(None, f"{purpose}:{kind}:{hmac.digest(self._secret, named, hashlib.sha256).hex()[:32]}")


def _site(address: str) -> str:
    """Return what of an address its user cannot change from one try to the next."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.ip_network((parsed, _IPV6_SITE), strict=False))
