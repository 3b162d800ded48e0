"""Passwords: argon2id by the OWASP minimum (m = 19,456 KiB, t = 2, p = 1)."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from opsintel.errors import InputError

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 1024

NO_PASSWORD = "!"  # noqa: S105  what stands for a hash that no password has
"""Stored for an account that no password opens."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)


def hash_password(password: str) -> str:
    """Return the hash to store; `InputError` for a password that is too short or too long."""
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise InputError(f"A password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH:,} characters")
    return _hasher.hash(_bytes(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Tell whether a password fits a stored hash; without one it takes as long and is wrong.

    Unknown people have none, and those who only come by single sign-on have `NO_PASSWORD`.
    """
    has_password = stored is not None and stored != NO_PASSWORD
    try:
        matches = _hasher.verify(stored if has_password and stored else _nobody(), _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return matches and has_password


def needs_upgrade(stored: str) -> bool:
    """Tell whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def upgraded(password: str) -> str:
    """Return a fresh hash of a password that was just verified, whatever its length."""
    return _hasher.hash(_bytes(password))


def prepare() -> None:
    """Make the hash that unknown users are checked against, so that the first of them takes no longer."""
    _nobody()


@cache
def _nobody() -> str:
    return _hasher.hash(b"nobody")


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
