"""One page of a feed becomes rows, in one transaction with the cursor and the announcement of its days.

The payload bytes of a page are one object, stored before the transaction: a crash in between leaves an object that
nothing refers to, and the page is read again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from opsintel import tracing
from opsintel.clock import now
from opsintel.connectors.contract import Cursor, Failure, Tombstone, Upsert
from opsintel.connectors.files.text import bounded
from opsintel.context import Context
from opsintel.db.bulk import insert_rows
from opsintel.ids import new_id
from opsintel.partitions import partition_day
from opsintel.queue.outbox import announce_days
from opsintel.sources.source import Source
from opsintel.tenants import Tenant

logger = logging.getLogger(__name__)

DELETED = "deleted"
"""Version of an item that is gone."""

TRIES = 8
"""Failures of one item in a row, after which it is set aside for a person."""

FIRST_PAUSE = timedelta(minutes=2)
"""Before an item is tried again; doubled with each failure, so that the last try is half a day after the first."""


@dataclass
class Page:
    """What a connector yielded since the last checkpoint."""

    items: list[Upsert | Tombstone] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    size: int = 0
    began: datetime = field(default_factory=now)
    """When the first of it may have been asked for."""

    def __bool__(self) -> bool:
        return bool(self.items or self.failures)


@dataclass(frozen=True, slots=True)
class PageResult:
    """What a page changed."""

    added: int
    changed: int
    failures: int
    days: frozenset[date]


@dataclass(frozen=True, slots=True)
class _Row:
    item: Upsert | Tombstone
    version: str
    day: date
    is_new: bool


@dataclass
class _Held:
    """What is stored of an item: its day, its versions, the latest of them, and whether that says it was deleted."""

    day: date
    versions: set[str] = field(default_factory=set)
    latest: str = ""
    deleted: bool = False
    fetched_at: datetime | None = None
    """When the latest was stored; None: with this page."""

    def add(self, version: str, *, deleted: bool, fetched_at: datetime | None = None) -> None:
        """Take in what is the latest from now on."""
        self.versions.add(version)
        self.latest, self.deleted, self.fetched_at = version, deleted, fetched_at

    def version_of(self, item: Upsert | Tombstone, page: Page, *, returns: bool) -> str | None:
        """Return the version to store an item under; None where it says nothing new.

        With `returns` an item may come back to a version that it had, e.g. a tag that was set and is taken away: not by
        a page that may have been asked for before the latest was stored.
        """
        version = item.version if isinstance(item, Upsert) else DELETED
        if version not in self.versions:
            return version
        if self.deleted == isinstance(item, Tombstone):
            is_latest = self.latest == version or self.latest.startswith(f"{version}~")
            is_late = self.fetched_at is not None and self.fetched_at >= page.began
            if is_latest or is_late or not returns:
                return None
        return f"{version}~{len(self.versions)}"


def store_page(
    context: Context, tenant: Tenant, source: Source, stream: str, page: Page, cursor: Cursor | None
) -> PageResult:
    """Store a page and move the cursor; items that are already there in this version change nothing.

    What is older than the tenant keeps is not stored. The page gets a trace, unless it came with one.
    """
    trace_id = tracing.current().trace_id or tracing.new_trace_id()
    with tracing.tracing(trace_id, tenant.slug):
        result = _store(context, tenant, source, stream, page, cursor)
        logger.info("%s: %d new, %d changed, %d failed", source.kind, result.added, result.changed, result.failures)
    return result


def _store(
    context: Context, tenant: Tenant, source: Source, stream: str, page: Page, cursor: Cursor | None
) -> PageResult:
    rows = _unknown_rows(context, tenant, source, page)
    content = b"".join(row.item.payload for row in rows if isinstance(row.item, Upsert))
    object_key = context.objects.put(tenant.id, "raw", content) if content else None
    days = frozenset(row.day for row in rows)
    with context.database.tenant_tx(tenant.id) as connection:
        _insert_payloads(connection, source, rows, object_key)
        _record_failures(connection, source, page.failures)
        _resolve_failures(connection, source, page)
        if cursor is not None:
            _move_cursor(connection, source, stream, cursor)
        announce_days(connection, tenant.id, days, "import")
    added = sum(row.is_new for row in rows)
    return PageResult(added, len(rows) - added, len(page.failures), days)


def _unknown_rows(context: Context, tenant: Tenant, source: Source, page: Page) -> list[_Row]:
    """Return what is new of a page: other versions, deletions of what lives, and what lives again after a deletion."""
    items = list(_with_parts(context, source, page))
    known = _known(context, source, items)
    rows = []
    moment = now()
    for item in items:
        held = known.get(item.native_id)
        occurred_at = item.occurred_at if isinstance(item, Upsert) else None
        if not tenant.keeps(occurred_at, moment) or (held is None and isinstance(item, Tombstone)):
            continue
        is_new = held is None
        if held is None:
            day = partition_day(occurred_at, moment, tenant.window_days)
            held = known[item.native_id] = _Held(day)
        version = held.version_of(item, page, returns=source.is_remote)
        if version is not None:
            held.add(version, deleted=isinstance(item, Tombstone))
            rows.append(_Row(item, version, held.day, is_new))
    return rows


def living(context: Context, source: Source, native_ids: Collection[str]) -> set[str]:
    """Return those items of a source that are stored and not known to be gone."""
    if not native_ids:
        return set()
    with context.database.tenant_tx(source.tenant_id) as connection:
        rows = connection.execute(
            "SELECT native_id FROM message_occurrence WHERE source_id = %(source)s AND native_id = ANY(%(ids)s)"
            " AND deleted_at IS NULL UNION"
            " SELECT native_id FROM raw_payload WHERE source_id = %(source)s AND native_id = ANY(%(ids)s)"
            " AND normalized_at IS NULL",
            {"source": source.id, "ids": list(native_ids)},
        ).fetchall()
    return {row[0] for row in rows}


def _with_parts(context: Context, source: Source, page: Page) -> Iterator[Upsert | Tombstone]:
    """Yield the items of a page; where one is gone whose parts are items too, they are gone with it."""
    gone = [item.native_id for item in page.items if isinstance(item, Tombstone) and "/" not in item.native_id]
    parts: dict[str, list[str]] = {}
    if gone and source.has_parts:
        with context.database.tenant_tx(source.tenant_id) as connection:
            for whole, part in connection.execute(
                "SELECT DISTINCT split_part(native_id, '/', 1), native_id FROM raw_payload WHERE source_id = %s"
                " AND split_part(native_id, '/', 1) = ANY(%s) AND NOT native_id = ANY(%s) ORDER BY 1, 2",
                (source.id, gone, gone),
            ):
                parts.setdefault(whole, []).append(part)
    for item in page.items:
        yield item
        if isinstance(item, Tombstone):
            yield from (Tombstone(part, item.deleted_at) for part in parts.get(item.native_id, ()))


def _known(context: Context, source: Source, items: list[Upsert | Tombstone]) -> dict[str, _Held]:
    known: dict[str, _Held] = {}
    with context.database.tenant_tx(source.tenant_id) as connection:
        for native_id, version, day, deleted, fetched_at in connection.execute(
            "SELECT wanted.native_id, found.version, found.partition_day, found.deleted, found.fetched_at"
            " FROM unnest(%s::text[]) AS wanted (native_id)"
            " CROSS JOIN LATERAL (SELECT version, partition_day, deleted, fetched_at FROM raw_payload"
            " WHERE source_id = %s AND native_id = wanted.native_id ORDER BY fetched_at, id OFFSET 0) AS found",
            (list({item.native_id for item in items}), source.id),
        ):
            held = known.setdefault(native_id, _Held(day))
            held.add(version, deleted=deleted, fetched_at=fetched_at)
    return known


def _insert_payloads(connection: psycopg.Connection, source: Source, rows: list[_Row], object_key: str | None) -> None:
    offset = 0
    trace_id = tracing.current().trace_id
    values: list[tuple[object, ...]] = []
    for row in rows:
        if isinstance(row.item, Upsert):
            item, size = row.item, len(row.item.payload)
            values.append(
                (source.tenant_id, new_id(), source.id, item.native_id, row.version, item.format.value, item.channel,
                 item.occurred_at, row.day, hashlib.sha256(item.payload).digest(), size, object_key, offset, False,
                 trace_id)
            )  # fmt: skip
            offset += size
        else:
            values.append(
                (source.tenant_id, new_id(), source.id, row.item.native_id, row.version, None, "",
                 row.item.deleted_at, row.day, None, 0, None, 0, True, trace_id)
            )  # fmt: skip
    columns = ("tenant_id", "id", "source_id", "native_id", "version", "format", "channel", "occurred_at",
               "partition_day", "sha256", "size", "object_key", "object_offset", "deleted",
               "trace_id")  # fmt: skip
    on_conflict = "ON CONFLICT (tenant_id, source_id, native_id, version) DO NOTHING"
    insert_rows(connection, "raw_payload", columns, values, on_conflict)


def _record_failures(connection: psycopg.Connection, source: Source, failures: list[Failure]) -> None:
    """Write failures down; what a provider may give later has its next time, until it was tried often enough."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ingest_failure AS known
                (tenant_id, id, source_id, stage, kind, key, reason, retryable, next_at, quarantined_at)
            VALUES (%(tenant)s, %(id)s, %(source)s, 'ingest', %(kind)s, %(key)s, %(reason)s, %(retryable)s,
                CASE WHEN %(retryable)s AND %(remote)s THEN now() + %(pause)s END,
                CASE WHEN NOT %(retryable)s AND %(remote)s THEN now() END)
            ON CONFLICT (tenant_id, source_id, stage, kind, key) DO UPDATE SET reason = excluded.reason,
                retryable = excluded.retryable, last_at = now(), resolved_at = NULL,
                attempts = CASE WHEN known.resolved_at IS NULL THEN known.attempts + 1 ELSE 1 END,
                next_at = CASE WHEN NOT %(remote)s OR NOT excluded.retryable THEN NULL
                    WHEN known.resolved_at IS NOT NULL THEN excluded.next_at
                    WHEN known.attempts + 1 < %(tries)s THEN now() + %(pause)s * power(2, known.attempts) END,
                quarantined_at = CASE WHEN %(remote)s AND (NOT excluded.retryable
                    OR known.resolved_at IS NULL AND known.attempts + 1 >= %(tries)s) THEN now() END
            """,
            [
                {
                    "tenant": source.tenant_id, "id": new_id(), "source": source.id, "kind": failure.kind,
                    "key": bounded(failure.key), "reason": failure.reason, "retryable": failure.retryable,
                    "remote": source.is_remote, "pause": FIRST_PAUSE, "tries": TRIES,
                }
                for failure in failures
            ],
        )  # fmt: skip


def _resolve_failures(connection: psycopg.Connection, source: Source, page: Page) -> None:
    """Close the failures of items that could now be read, by their ids and by their places."""
    mended = {item.native_id for item in page.items}
    for item in page.items:
        if isinstance(item, Upsert):
            mended.update(bounded(place) for place in item.places)
    mended -= {bounded(failure.key) for failure in page.failures}
    connection.execute(
        "UPDATE ingest_failure SET resolved_at = now(), next_at = NULL, quarantined_at = NULL"
        " WHERE source_id = %s AND stage = 'ingest' AND resolved_at IS NULL AND key = ANY(%s)",
        (source.id, list(mended)),
    )


def _move_cursor(connection: psycopg.Connection, source: Source, stream: str, cursor: Cursor) -> None:
    connection.execute(
        "INSERT INTO source_state (tenant_id, source_id, stream, cursor) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, source_id, stream) DO UPDATE SET cursor = excluded.cursor, updated_at = now()",
        (source.tenant_id, source.id, stream, Jsonb(cursor)),
    )
