"""What a filter would select, before it is saved: counted on the stored messages of the last 30 days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from opsintel.filters.sql import matching
from opsintel.filters.syntax import Node

DAYS = 30
SAMPLES = 20
_OLDEST = "SELECT min(sorted_at) FROM message WHERE deleted_at IS NULL AND sorted_at >= %s"


@dataclass(frozen=True, slots=True)
class Preview:
    """How many messages of the last 30 days match, the latest of them, and how many a day that makes."""

    messages: int
    samples: tuple[UUID, ...]
    messages_per_day: float
    """Over the days since the oldest message of the span, for a tenant may be younger than that."""
    cost_usd_per_month: float | None
    """None: no price of a model is known."""


def preview(connection: psycopg.Connection, tree: Node, now: datetime) -> Preview:
    """Return what a filter selects of the last 30 days, in the caller's transaction of the tenant."""
    since = now - timedelta(days=DAYS)
    row = connection.execute(_OLDEST, (since,)).fetchone()
    oldest = row[0] if row and row[0] else now
    count, samples = 0, list[UUID]()
    for identifier, _ in matching(connection, tree, now, since=since):
        count += 1
        if len(samples) < SAMPLES:
            samples.append(identifier)
    days = max(1.0, min(DAYS, (now - oldest) / timedelta(days=1)))
    return Preview(count, tuple(samples), round(count / days, 2), None)
