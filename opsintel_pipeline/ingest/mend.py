"""Items that are read by their keys: those a push named, and those that failed and whose time has come again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from opsintel.connectors.contract import Bringing, stream_of
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.sources.source import Source
from opsintel.tenants import Tenant
from opsintel_pipeline.ingest import schedule
from opsintel_pipeline.ingest.feed import FeedResult, store_items
from opsintel_pipeline.ingest.pages import FIRST_PAUSE, TRIES

LEASE = timedelta(minutes=5)
PAGE = 100
"""Receipts, or failed items, that are taken in hand at once."""

_READABLE = "source.state IN ('active', 'failing') AND tenant.paused_at IS NULL AND tenant.suspended_at IS NULL"
_JOINED = (
    " JOIN source ON source.tenant_id = waiting.tenant_id AND source.id = waiting.source_id"
    " JOIN tenant ON tenant.id = waiting.tenant_id"
)


def pushed_sources(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, source) of pushes that wait to be read, the longest waiting first."""
    return _waiting(database, "push_receipt", "handled_at IS NULL AND due_at <= now()", "min(received_at)")


def failed_sources(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, source) of items that failed and are to be tried again now."""
    return _waiting(database, "ingest_failure", "next_at <= now() AND resolved_at IS NULL", "min(next_at)")


def read_pushed(context: Context, tenant: Tenant, source: Source, stop: threading.Event | None = None) -> FeedResult:
    """Read what the pushes of a source named, and return what came; receipts count as handled once it is stored.

    A push that names a stream only has the source read at once. Raises as the connector does: then they wait on.
    """
    result = FeedResult()
    with context.database.tenant_tx(source.tenant_id) as connection:
        taken = connection.execute(
            "UPDATE push_receipt SET due_at = now() + %s WHERE id IN (SELECT id FROM push_receipt"
            " WHERE source_id = %s AND handled_at IS NULL AND due_at <= now() ORDER BY received_at, id LIMIT %s"
            " FOR UPDATE SKIP LOCKED) RETURNING id, keys, delivery_id, body",
            (LEASE, source.id, PAGE),
        ).fetchall()
    keys = list(dict.fromkeys(key for _, keys, _, body in taken if body is None for key in keys))
    connector = source.connector(context, stop)
    if isinstance(connector, Bringing):
        brought = (item for _, _, delivery, body in taken if body for item in connector.items(delivery, bytes(body)))
        store_items(context, tenant, source, "push", brought, result, stop=stop)
    items = [key for key in keys if stream_of(key) is None]
    if items:
        store_items(context, tenant, source, "push", connector.fetch(items), result, stop=stop)
    if len(items) < len(keys):
        schedule.has_news(context.database, source)
    with context.database.tenant_tx(source.tenant_id) as connection:
        connection.execute(
            "UPDATE push_receipt SET handled_at = now(), body = NULL WHERE id = ANY(%s)", ([row[0] for row in taken],)
        )
    return result


def retry_failed(context: Context, tenant: Tenant, source: Source, stop: threading.Event | None = None) -> FeedResult:
    """Read the items of a source again that failed and are due, and return what came.

    Raises as the connector does: then they are tried after the lease, and that counts for no failure of theirs.
    """
    result = FeedResult()
    with context.database.tenant_tx(source.tenant_id) as connection:
        rows = connection.execute(
            "UPDATE ingest_failure SET next_at = now() + %s WHERE id IN (SELECT id FROM ingest_failure"
            " WHERE source_id = %s AND stage = 'ingest' AND resolved_at IS NULL AND next_at <= now()"
            " ORDER BY next_at, id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, key, attempts",
            (LEASE, source.id, PAGE),
        ).fetchall()
    attempts = {failure_id: tried for failure_id, _, tried in rows}
    keys = list(dict.fromkeys(key for _, key, _ in rows))
    store_items(context, tenant, source, "retry", source.connector(context, stop).fetch(keys), result, stop=stop)
    _count_silence(context, source, attempts)
    return result


def release_quarantined(context: Context, source: Source) -> int:
    """Have the items of a source that were set aside tried again, as if for the first time; returns how many."""
    with context.database.tenant_tx(source.tenant_id) as connection:
        return connection.execute(
            "UPDATE ingest_failure SET quarantined_at = NULL, attempts = 1, next_at = now()"
            " WHERE source_id = %s AND stage = 'ingest' AND resolved_at IS NULL AND quarantined_at IS NOT NULL",
            (source.id,),
        ).rowcount


def _count_silence(context: Context, source: Source, attempts: dict[UUID, int]) -> None:
    """Count the items of which the provider said nothing at all: neither that they are there nor why not."""
    with context.database.tenant_tx(source.tenant_id) as connection:
        connection.execute(
            "UPDATE ingest_failure AS failure SET attempts = attempts + 1, last_at = now(),"
            " next_at = CASE WHEN attempts + 1 < %(tries)s THEN now() + %(pause)s * power(2, attempts) END,"
            " quarantined_at = CASE WHEN attempts + 1 >= %(tries)s THEN now() END"
            " FROM unnest(%(ids)s::uuid[], %(tried)s::int[]) AS tried (id, attempts_before)"
            " WHERE failure.id = tried.id AND failure.resolved_at IS NULL"
            " AND failure.attempts = tried.attempts_before",
            {
                "tries": TRIES, "pause": FIRST_PAUSE, "ids": list(attempts),
                "tried": list(attempts.values()),
            },
        )  # fmt: skip


def _waiting(database: Database, table: str, is_due: str, order: str) -> list[tuple[UUID, UUID]]:
    with database.system_tx() as connection:
        rows: Sequence[tuple[UUID, UUID]] = connection.execute(
            f"SELECT waiting.tenant_id, waiting.source_id FROM {table} AS waiting {_JOINED}"
            f" WHERE {is_due} AND {_READABLE} GROUP BY waiting.tenant_id, waiting.source_id"
            f" ORDER BY {order} LIMIT 20".encode()
        ).fetchall()
    return list(rows)
