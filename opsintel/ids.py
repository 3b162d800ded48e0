"""Identifiers: UUID version 7 (RFC 9562), made in Python so that any PostgreSQL from 16 on will do."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime

_last_millisecond = 0
_counter = 0


def new_id() -> uuid.UUID:
    """Return a new UUIDv7: sortable by time of creation, also within one millisecond of one process.

    Layout (RFC 9562 §5.7, method 1 of §6.2): 48 bits of Unix milliseconds, version, 12 bits of a counter,
    variant, 62 random bits.
    """
    global _last_millisecond, _counter  # noqa: PLW0603  one clock for each process
    millisecond = time.time_ns() // 1_000_000
    if millisecond > _last_millisecond:
        _last_millisecond, _counter = millisecond, 0
    else:
        _counter += 1
        if _counter > 0xFFF:
            _last_millisecond, _counter = _last_millisecond + 1, 0
        millisecond = _last_millisecond
    random_bits = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    value = (millisecond << 80) | (0x7 << 76) | (_counter << 64) | (0b10 << 62) | random_bits
    return uuid.UUID(int=value)


def moment_of(identifier: uuid.UUID) -> datetime:
    """Return when a UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


def derived_id(*parts: str | uuid.UUID) -> uuid.UUID:
    """Return the same UUID (version 5) for the same parts: for rows whose identity is their natural key."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "opsintel:" + "\x1f".join(str(part) for part in parts))
