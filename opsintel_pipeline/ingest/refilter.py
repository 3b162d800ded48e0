"""A source gets another filter: checked at its provider, put in force, and what is stored selected anew by it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from opsintel.access.audit import Actor, Detail, Entry, Subject, record
from opsintel.clock import now
from opsintel.connectors.contract import Window
from opsintel.context import Context
from opsintel.errors import FatalError, NotFoundError, RetriableError
from opsintel.filters.syntax import EVERYTHING, Node, Raw, terms
from opsintel.queue.outbox import announce_days
from opsintel.sources.selection import Chosen, covers, judge_anew, require_selecting
from opsintel.sources.source import Source

PAGE = 500
"""Items that are selected anew at once, in a transaction."""

TRIED = timedelta(hours=1)
"""How much of a source is counted to try a block of its provider's own."""

Report = Callable[[Mapping[str, int]], None]


def set_filter(
    context: Context,
    source: Source,
    filter_id: UUID | None,
    actor: Actor,
    report: Report = lambda _: None,
    stop: threading.Event | None = None,
) -> dict[str, int]:
    """Have a source go by the newest version of a filter, or by none, and return how much it selects now.

    The figures are `selected` and `left_out` messages, and `needs_backfill`: 1 where the filter selects messages that
    the provider was never asked for; a backfill fetches them, and so does the next count of all. Done again, it changes
    nothing more. Raises `InputError` for a filter that the provider or the kind of source does not take.
    """
    wanted, version = source.unfiltered(), None
    if filter_id is not None:
        version, document = _newest(context, source, filter_id)
        wanted = replace(source, filter=document, filtered_at=now())
        _require_usable(context, wanted, stop)
    gap = _leaves_gap(context, source, wanted, stop)
    _put_in_force(context, wanted, filter_id, version, actor, has_gap=gap)
    _select_anew(context, source, report)
    return _figures(context, source)


def _newest(context: Context, source: Source, filter_id: UUID) -> tuple[int, dict[str, object]]:
    with context.database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute(
            "SELECT said.version, said.tree FROM filter JOIN filter_version AS said"
            " ON said.filter_id = filter.id AND said.version = filter.version"
            " WHERE filter.id = %s AND filter.archived_at IS NULL",
            (filter_id,),
        ).fetchone()
    if row is None:
        raise NotFoundError("There is no such filter")
    return row[0], row[1]


def _require_usable(context: Context, wanted: Source, stop: threading.Event | None) -> None:
    """Raise `InputError` where it asks for what comes later, or holds a block that the provider does not take."""
    chosen = wanted.chosen()
    assert chosen is not None
    require_selecting(chosen.tree)
    if has_own_block(chosen.tree, wanted.kind):
        next(iter(wanted.connector(context, stop).census(Window(chosen.since - TRIED, chosen.since))), None)


def has_own_block(tree: Node, kind: str) -> bool:
    """Tell whether a filter holds a query in the language of a kind's provider, which that alone can check."""
    return any(isinstance(term, Raw) and term.provider == kind for term in terms(tree))


def _leaves_gap(context: Context, source: Source, wanted: Source, stop: threading.Event | None) -> bool:
    """Tell whether there may be messages that are selected now, and that the provider was not asked for before."""
    earlier, later = source.chosen(), wanted.chosen()
    if earlier is None or covers(earlier, later or Chosen(EVERYTHING, earlier.since)):
        return False
    try:
        asked = source.connector(context, stop).selection
        return bool(asked) and wanted.connector(context, stop).selection != asked
    except (FatalError, RetriableError):
        return True  # nobody can say: the provider is away, or does not let us in


def _put_in_force(
    context: Context, wanted: Source, filter_id: UUID | None, version: int | None, actor: Actor, *, has_gap: bool
) -> None:
    with context.database.tenant_tx(wanted.tenant_id) as connection:
        row = connection.execute(
            "SELECT filter_id, filter_version FROM source WHERE id = %s FOR UPDATE", (wanted.id,)
        ).fetchone()
        if row is None:
            raise NotFoundError("There is no such source")
        if row == (filter_id, version):
            return
        is_there = "SELECT FROM filter WHERE id = %s AND archived_at IS NULL FOR SHARE"
        if filter_id is not None and connection.execute(is_there, (filter_id,)).fetchone() is None:
            raise NotFoundError("There is no such filter")
        connection.execute(
            "UPDATE source SET filter_id = %s, filter_version = %s, filtered_at = %s,"
            " needs_backfill = needs_backfill OR %s WHERE id = %s",
            (filter_id, version, wanted.filtered_at, has_gap, wanted.id),
        )
        details: dict[str, Detail] = {"filter": str(filter_id) if filter_id else None, "version": version}
        record(
            connection, Entry(wanted.tenant_id, actor, "source.filtered", Subject("source", str(wanted.id)), details)
        )


def _select_anew(context: Context, source: Source, report: Report) -> None:
    """Say of all that is stored whether it is selected, a page at a time; the days of what changed are announced."""
    last, seen = "", 0
    while True:
        with context.database.tenant_tx(source.tenant_id) as connection:
            rows = connection.execute(
                "SELECT native_id FROM message_occurrence WHERE source_id = %s AND native_id > %s"
                " ORDER BY native_id LIMIT %s",
                (source.id, last, PAGE),
            ).fetchall()
            days = judge_anew(connection, [(source.id, native_id) for (native_id,) in rows])
            announce_days(connection, source.tenant_id, days, "filter", "analyses")
        seen += len(rows)
        if len(rows) < PAGE:
            return
        last = rows[-1][0]
        report({"looked_at": seen})


def _figures(context: Context, source: Source) -> dict[str, int]:
    with context.database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE place.selected), count(*) FILTER (WHERE NOT place.selected),"
            " (SELECT needs_backfill::int FROM source WHERE id = %(source)s)"
            " FROM message_occurrence AS place WHERE place.source_id = %(source)s AND place.deleted_at IS NULL",
            {"source": source.id},
        ).fetchone()
    assert row is not None
    return {"selected": row[0], "left_out": row[1], "needs_backfill": row[2] or 0}
