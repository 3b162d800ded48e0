"""Canaries: text that belongs to one tenant, and the scanner that finds it in an answer whatever its form.

A canary is `PREFIX` and 12 hexadecimal digits of its tenant, then the table and column where it was put. Ids of rows
carry their tenant as well. So whatever is found names whose it is, and text where it comes from.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from uuid import UUID

PREFIX = "kestrel"
DIGITS = 12
_LENGTH = len(PREFIX) + DIGITS
_PLAIN = re.compile(PREFIX.encode() + rb"([0-9a-f]{12})")

ID_MARK = b"a4a"
_ID = re.compile(rb"(?i)0199[0-9a-f]{4}-?[0-9a-f]{4}-?7000-?8" + ID_MARK + rb"-?([0-9a-f]{4})[0-9a-f]{8}")
"""RFC 9562 leaves 62 bits of a UUIDv7 to its maker: here the mark and the tenant's number are in them."""


def canary_of(number: int) -> str:
    """Return the canary of a tenant: letters and digits alone, so that it reads the same in JSON, addresses and CSV."""
    return f"{PREFIX}{0x5EED00000000 + number * 0x010203:012x}"


def marked_id(number: int, row: int) -> UUID:
    """Return an id, valid as UUIDv7, that tells whose it is."""
    return UUID(f"0199{row:08x}70008{ID_MARK.decode()}{number:04x}{row:08x}")


def _in_base64(text: bytes) -> Iterator[bytes]:
    """Yield what of the text is the same in base64 whatever precedes and follows it, for its three alignments."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text)
        yield encoded[(shift * 8 + 5) // 6 : (shift + len(text)) * 8 // 6]


def _forms(text: str) -> Iterator[bytes]:
    """Yield the text as it is written where bytes are encoded: base64, hex, percent signs, JSON escapes, UTF-16."""
    raw = text.encode()
    yield from _in_base64(raw)
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield "".join(f"%{byte:02x}" for byte in raw).encode()
    yield "".join(f"%{byte:02X}" for byte in raw).encode()
    yield "".join(f"\\u{byte:04x}" for byte in raw).encode()
    yield "".join(f"\\x{byte:02x}" for byte in raw).encode()
    yield text.encode("utf-16-le")


@dataclass
class Scanner:
    """Looks through answers for canaries and ids of tenants; counts what it saw."""

    tenants: int
    answers: int = 0
    bytes_seen: int = 0
    foreign: list[str] = field(default_factory=list)
    """What was found of others, each with the place of its answer."""

    own: set[int] = field(default_factory=set)
    """Tenants whose own canary stood in an answer of theirs."""

    def __post_init__(self) -> None:
        self._number_of = {canary_of(number).encode(): number for number in range(self.tenants)}
        self._hints = tuple(_forms(PREFIX))
        self._encoded = {
            form: number for number in range(self.tenants) for form in _forms(canary_of(number)) if len(form) > 8
        }

    def owners(self, body: bytes) -> set[int]:
        """Return the tenants of which a canary or an id stands in the bytes, in any form."""
        found = {self._number_of[PREFIX.encode() + digits] for digits in _PLAIN.findall(body) if self._knows(digits)}
        if ID_MARK in body or ID_MARK.upper() in body:
            found |= {int(digits, 16) for digits in _ID.findall(body)}
        if any(hint in body for hint in self._hints):
            found |= {number for form, number in self._encoded.items() if form in body}
        return found

    def scan(self, place: str, body: bytes, readers: Collection[int], *, sent: Collection[str] = ()) -> None:
        """Count an answer and note what it holds of others than `readers`; `sent` is what the request itself named."""
        self.answers += 1
        self.bytes_seen += len(body)
        owners = self.owners(body)
        if not owners <= set(readers):
            for value in sent:
                body = body.replace(value.encode(), b"")
            owners = self.owners(body)
        self.own |= owners & set(readers)
        for number in owners - set(readers):
            self.foreign.append(f"{place}: tenant {number} {self._excerpt(body, number)}")

    def absorb(self, other: Scanner) -> None:
        """Add what another scanner counted and found."""
        self.answers += other.answers
        self.bytes_seen += other.bytes_seen
        self.foreign += other.foreign
        self.own |= other.own

    def _knows(self, digits: bytes) -> bool:
        return PREFIX.encode() + digits in self._number_of

    def _excerpt(self, body: bytes, number: int) -> str:
        place = body.find(canary_of(number).encode())
        return body[max(place, 0) :][:80].decode(errors="replace")


__all__ = ["DIGITS", "PREFIX", "Scanner", "canary_of", "marked_id"]
