"""One page of a feed becomes rows, in one transaction with the cursor and the announcement of its days.

The payload bytes of a page are one object, stored before the transaction: a crash in between leaves an object that
nothing refers to, and the page is read again.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from datetime import date

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
from opsintel.tenants import Tenant
from opsintel_pipeline.ingest.sources import Source

logger = logging.getLogger(__name__)


@dataclass
class Page:
    """What a connector yielded since the last checkpoint."""

    items: list[Upsert | Tombstone] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    size: int = 0

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
    known: dict[str, tuple[date, set[str]]] = {}
    with context.database.tenant_tx(tenant.id) as connection:
        for native_id, version, day in connection.execute(
            "SELECT wanted.native_id, found.version, found.partition_day FROM unnest(%s::text[]) AS wanted (native_id)"
            " CROSS JOIN LATERAL (SELECT version, partition_day FROM raw_payload"
            " WHERE source_id = %s AND native_id = wanted.native_id OFFSET 0) AS found",
            (list({item.native_id for item in page.items}), source.id),
        ):
            known.setdefault(native_id, (day, set()))[1].add(version)
    rows = []
    moment = now()
    for item in page.items:
        is_new = item.native_id not in known
        occurred_at = item.occurred_at if isinstance(item, Upsert) else None
        if not tenant.keeps(occurred_at, moment):
            continue
        day, versions = known.setdefault(
            item.native_id, (partition_day(occurred_at, moment, tenant.window_days), set())
        )
        version = item.version if isinstance(item, Upsert) else "deleted"
        if version not in versions:
            versions.add(version)
            rows.append(_Row(item, version, day, is_new))
    return rows


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
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ingest_failure (tenant_id, id, source_id, stage, kind, key, reason, retryable)"
            " VALUES (%s, %s, %s, 'ingest', %s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, source_id, stage, kind, key) DO UPDATE SET reason = excluded.reason,"
            " retryable = excluded.retryable, attempts = ingest_failure.attempts + 1, last_at = now(),"
            " resolved_at = NULL",
            [(source.tenant_id, new_id(), source.id, f.kind, bounded(f.key), f.reason, f.retryable) for f in failures],
        )


def _resolve_failures(connection: psycopg.Connection, source: Source, page: Page) -> None:
    """Close the failures of items that could now be read, by their ids and by their places."""
    mended = {item.native_id for item in page.items}
    for item in page.items:
        if isinstance(item, Upsert):
            mended.update(bounded(place) for place in item.places)
    mended -= {bounded(failure.key) for failure in page.failures}
    connection.execute(
        "UPDATE ingest_failure SET resolved_at = now()"
        " WHERE source_id = %s AND stage = 'ingest' AND resolved_at IS NULL AND key = ANY(%s)",
        (source.id, list(mended)),
    )


def _move_cursor(connection: psycopg.Connection, source: Source, stream: str, cursor: Cursor) -> None:
    connection.execute(
        "INSERT INTO source_state (tenant_id, source_id, stream, cursor) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, source_id, stream) DO UPDATE SET cursor = excluded.cursor, updated_at = now()",
        (source.tenant_id, source.id, stream, Jsonb(cursor)),
    )
