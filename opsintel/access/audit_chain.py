"""Check a tenant's chain of the audit log: its hashes, its places, its head, and what was anchored outside.

The hashes are computed here again, out of the columns as they are stored: not by the database that is being checked.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from opsintel.db.engine import Database

VERSION = b"opsintel audit v1"
FIRST_PREVIOUS = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it is stored."""

    tenant_id: UUID
    seq: int
    at: datetime
    actor_kind: str
    actor_id: str
    action: str
    subject_kind: str
    subject_id: str
    details: str
    prev_hash: bytes
    hash: bytes

    def digest(self) -> bytes:
        """Return the SHA-256 that the entry must have: of every column, each with its length before it."""
        parts = (
            VERSION,
            self.prev_hash,
            self.tenant_id.bytes,
            struct.pack(">q", self.seq),
            struct.pack(">q", (self.at - _EPOCH) // timedelta(microseconds=1)),
            *(
                text.encode()
                for text in (
                    self.actor_kind, self.actor_id, self.action, self.subject_kind, self.subject_id, self.details,
                )
            ),
        )  # fmt: skip
        return hashlib.sha256(b"".join(struct.pack(">i", len(part)) + part for part in parts)).digest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of one chain found: its length, and the first place that is not what it was, with the reason."""

    tenant_id: UUID
    entries: int
    anchored: int
    """Place of the newest entry that was anchored outside and is still the same."""

    first_bad: int | None = None
    reason: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return self.first_bad is None


def verify_chain(database: Database, tenant_id: UUID, anchors: Mapping[int, bytes]) -> Verdict:
    """Check one chain against itself, its head, and the hashes anchored outside by their places."""
    with database.system_tx() as connection:
        head = connection.execute("SELECT seq, hash FROM audit_head WHERE tenant_id = %s", (tenant_id,)).fetchone()
        last, previous, anchored = 0, FIRST_PREVIOUS, 0
        for link in _links(connection, tenant_id):
            fault = _fault(link, last + 1, previous)
            if fault:
                return Verdict(tenant_id, last, anchored, min(last + 1, link.seq), fault)
            if link.seq in anchors:
                if anchors[link.seq] != link.hash:
                    reason = f"entries {anchored + 1} to {link.seq} are not those that were anchored"
                    return Verdict(tenant_id, last, anchored, anchored + 1, reason)
                anchored = link.seq
            last, previous = link.seq, link.hash
    if anchors and max(anchors) > last:
        return Verdict(tenant_id, last, anchored, last + 1, f"the entries up to {max(anchors)} are gone")
    if head is None and last:
        return Verdict(tenant_id, last, anchored, last, "its head is gone")
    if head is not None and (head[0], bytes(head[1])) != (last, previous):
        reason = f"the entries up to {head[0]} are gone" if head[0] > last else "its head is of another entry"
        return Verdict(tenant_id, last, anchored, min(head[0], last) + 1, reason)
    return Verdict(tenant_id, last, anchored)


def chains(database: Database) -> list[UUID]:
    """Return the tenants that have a chain, or had one."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT tenant_id FROM audit_log UNION SELECT tenant_id FROM audit_head ORDER BY 1"
        ).fetchall()
    return [row[0] for row in rows]


def _fault(link: Link, expected: int, previous: bytes) -> str:
    if link.seq != expected:
        return f"entry {expected} is gone" if link.seq > expected else f"entry {link.seq} is there twice"
    if link.prev_hash != previous:
        return "it does not follow the entry before"
    if link.digest() != link.hash:
        return "it was changed"
    return ""


def _links(connection: psycopg.Connection, tenant_id: UUID) -> Iterable[Link]:
    after = -(2**63)
    while True:
        rows: Sequence[tuple[object, ...]] = connection.execute(
            "SELECT tenant_id, seq, at, actor_kind, actor_id, action, subject_kind, subject_id, details::text,"
            " prev_hash, hash FROM audit_log WHERE tenant_id = %s AND seq > %s ORDER BY seq LIMIT %s",
            (tenant_id, after, _PAGE),
        ).fetchall()
        for row in rows:
            link = Link(*row)  # type: ignore[arg-type]
            after = link.seq
            yield link
        if len(rows) < _PAGE:
            return
