"""Quarantine: announcements that cannot be consumed, each with its reason, until a person replays them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.db.engine import Database
from opsintel.errors import NotFoundError
from opsintel.ids import new_id
from opsintel.queue.contract import CHANNEL
from opsintel.queue.wire import MAX_BODY, RefusedError, decode


@dataclass(frozen=True, slots=True)
class Entry:
    """A quarantined announcement; `payload` is the beginning of what came when that was too large."""

    id: UUID
    tenant: str | None
    reason: str
    detail: str
    payload: bytes
    size: int
    seen: int
    first_seen_at: datetime
    last_seen_at: datetime
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of an entry that was to be replayed: back in the outbox, or why not."""

    id: UUID
    refused: str | None


_ENTRY = (
    "quarantine.id, tenant.slug, reason, detail, payload, size, seen, first_seen_at, last_seen_at, replayed_at"
    " FROM quarantine LEFT JOIN tenant ON tenant.id = quarantine.tenant_id"
)


def store(connection: psycopg.Connection, refused: Sequence[tuple[RefusedError, bytes]]) -> None:
    """Set announcements aside, in the caller's transaction; the same bytes once more count on their one entry.

    Their outbox rows go with them: nothing publishes them again by itself.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO quarantine (id, tenant_id, fingerprint, reason, detail, payload, size)
            VALUES (%s, (SELECT id FROM tenant WHERE id = %s), %s, %s, %s, %s, %s)
            ON CONFLICT (fingerprint) DO UPDATE SET seen = quarantine.seen + 1, last_seen_at = now(),
                replayed_at = NULL, reason = excluded.reason, detail = excluded.detail, tenant_id = excluded.tenant_id
            """,
            [
                (
                    new_id(), error.origin and error.origin.tenant_id, hashlib.sha256(body).digest(),
                    error.reason, error.message, body[:MAX_BODY], len(body),
                )
                for error, body in refused
            ],
        )  # fmt: skip
        cursor.executemany(
            "DELETE FROM outbox WHERE tenant_id = %s AND id = %s",
            [(error.origin.tenant_id, error.origin.id) for error, _ in refused if error.origin],
        )


def entries(database: Database, limit: int, *, replayed: bool = False) -> list[Entry]:
    """Return up to `limit` entries, the latest first; those already replayed only on demand."""
    with database.system_tx() as connection:
        rows = connection.execute(
            f"SELECT {_ENTRY} WHERE %s OR replayed_at IS NULL ORDER BY last_seen_at DESC, quarantine.id LIMIT %s",
            (replayed, limit),
        ).fetchall()
    return [Entry(*row) for row in rows]


def waiting(database: Database) -> list[UUID]:
    """Return the ids of all entries that nobody has replayed, the oldest first."""
    with database.system_tx() as connection:
        rows = connection.execute("SELECT id FROM quarantine WHERE replayed_at IS NULL ORDER BY first_seen_at, id")
        return [row[0] for row in rows]


def replay(database: Database, entry_id: UUID) -> Replay:
    """Read an entry again, as this version of the product does, and announce it anew.

    What still cannot be read stays in quarantine. Raises `NotFoundError` for an unknown entry.
    """
    with database.system_tx() as connection:
        row = connection.execute(
            "SELECT payload, size FROM quarantine WHERE id = %s FOR UPDATE", (entry_id,)
        ).fetchone()
        if row is None:
            raise NotFoundError(f"There is no entry {entry_id}", remedy="`opsintel quarantine list` shows them")
        payload, size = row
        if size > len(payload):
            return Replay(entry_id, f"too_large: {size:,} bytes came, of which only the beginning is kept")
        try:
            announcement = decode(payload)
        except RefusedError as error:
            return Replay(entry_id, f"{error.reason}: {error.message}")
        announced = connection.execute(
            "INSERT INTO outbox (tenant_id, id, topic, payload) SELECT id, %s, %s, %s FROM tenant WHERE id = %s"
            " ON CONFLICT (tenant_id, id) DO UPDATE SET due_at = now()",
            (announcement.id, announcement.topic, Jsonb(announcement.payload), announcement.tenant_id),
        ).rowcount
        if not announced:
            return Replay(entry_id, "unknown_tenant: there is still no such tenant")
        connection.execute("UPDATE quarantine SET replayed_at = now() WHERE id = %s", (entry_id,))
        connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return Replay(entry_id, None)
