"""How much a backfill of a source would be, counted at its provider."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time

from opsintel.connectors.contract import Window
from opsintel.context import Context
from opsintel.sources.source import Source

_EVERY = 1_000
"""Items between two reports."""


def estimate(
    context: Context,
    source: Source,
    first: date,
    report: Callable[[Mapping[str, int]], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> dict[str, int]:
    """Return how many items the provider holds from a day on, how many of them are missing here, and on how many days.

    Raises as the connector's census does.
    """
    start = datetime.combine(first, time.min, tzinfo=UTC)
    with context.database.tenant_tx(source.tenant_id) as connection:
        stored = {
            row[0]
            for row in connection.execute(
                "SELECT DISTINCT native_id FROM raw_payload WHERE source_id = %s", (source.id,)
            )
        }
    held = missing = 0
    days: set[date] = set()
    for native_id, occurred_at in source.connector(context, stop).census(Window(start)):
        held += 1
        missing += native_id not in stored
        if occurred_at is not None:
            days.add(occurred_at.astimezone(UTC).date())
        if held % _EVERY == 0:
            report({"held": held, "missing": missing, "days": len(days)})
    return {"held": held, "missing": missing, "days": len(days)}
