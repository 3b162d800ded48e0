"""Drive a connector: page by page, from the cursor kept, until it has no more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from opsintel.connectors.contract import Checkpoint, Failure, ReadItem, Tombstone, Upsert
from opsintel.context import Context
from opsintel.errors import BusyError, FatalError
from opsintel.sources.source import Source, record_fault, set_state
from opsintel.tenants import Tenant
from opsintel_pipeline.ingest.pages import Page, living, store_page

PAGE_ITEMS = 500
PAGE_BYTES = 8 * 1024 * 1024


@dataclass
class FeedResult:
    """What a feed brought: new items, new versions of known ones, failures, and the days they touched."""

    added: int = 0
    changed: int = 0
    failures: int = 0
    days: set[date] = field(default_factory=set)


def run_feed(
    context: Context,
    tenant: Tenant,
    source: Source,
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> FeedResult:
    """Read every stream of a source to its end and return what it brought.

    Killed anywhere it resumes at the last checkpoint. `progress` is told the number of items of each stored page;
    `stop` ends the connector's waits. Raises the connector's `FatalError`, after recording it with the source.
    """
    connector = source.connector(context, stop)
    result = FeedResult()
    try:
        for stream in connector.manifest.streams:
            cursor = _cursor(context, source, stream)
            items = _while_chosen(context, source, connector.read(stream, cursor))
            store_items(context, tenant, source, stream, items, result, progress, stop)
    except FatalError as error:
        record_fault(context.database, source, error, error.line())
        raise
    set_state(context.database, source, "active")
    return result


def store_items(
    context: Context,
    tenant: Tenant,
    source: Source,
    stream: str,
    items: Iterable[ReadItem],
    result: FeedResult,
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Store what a connector yields, a transaction for each checkpoint; a long stretch without one is stored in parts.

    Parts before a checkpoint do not move the cursor, so a crash repeats them, to no effect. What a provider no longer
    finds by the source's filter is not gone: it is asked for again without.
    """
    page = Page()

    def flush(checkpoint: Checkpoint | None) -> None:
        nonlocal page
        if source.filter is not None:
            _ask_for_lost(context, source, page, stop)
        stored = store_page(context, tenant, source, stream, page, checkpoint.cursor if checkpoint else None)
        result.added += stored.added
        result.changed += stored.changed
        result.failures += stored.failures
        result.days |= stored.days
        if progress is not None:
            progress(len(page.items) + len(page.failures))
        page = Page()

    for item in items:
        if isinstance(item, Checkpoint):
            flush(item)
        elif isinstance(item, Failure):
            page.failures.append(item)
        else:
            page.items.append(item)
            page.size += len(item.payload) if isinstance(item, Upsert) else 0
            if len(page.items) >= PAGE_ITEMS * 2 or page.size >= PAGE_BYTES * 2:
                flush(None)
    if page:
        flush(None)


def _while_chosen(context: Context, source: Source, items: Iterable[ReadItem]) -> Iterator[ReadItem]:
    """Yield items as long as the source goes by the filter that they are read by; else it is read anew by another."""
    for item in items:
        if isinstance(item, Checkpoint):
            with context.database.tenant_tx(source.tenant_id) as connection:
                row = connection.execute("SELECT filtered_at FROM source WHERE id = %s", (source.id,)).fetchone()
            if row is not None and row[0] != source.filtered_at:
                raise BusyError("The source goes by another filter now", seconds=0, remedy="It is read on by that")
        yield item


def _ask_for_lost(context: Context, source: Source, page: Page, stop: threading.Event | None) -> None:
    """Put what is still there, but is not selected any more, in the place of its tombstones."""
    lost = {item.native_id for item in page.items if isinstance(item, Tombstone)}
    lost = living(context, source, lost)
    if not lost:
        return
    page.items = [item for item in page.items if not (isinstance(item, Tombstone) and item.native_id in lost)]
    for item in source.unfiltered().connector(context, stop).fetch(sorted(lost)):
        if isinstance(item, Failure):
            page.failures.append(item)
        elif not isinstance(item, Checkpoint) and item.native_id in lost:
            page.items.append(item)


def _cursor(context: Context, source: Source, stream: str) -> dict[str, object] | None:
    with context.database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute(
            "SELECT cursor FROM source_state WHERE source_id = %s AND stream = %s", (source.id, stream)
        ).fetchone()
    return None if row is None else row[0]
