"""Time: always UTC, always aware. Days are UTC days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

EARLIEST_VALID = datetime(1990, 1, 1, tzinfo=UTC)
FUTURE_TOLERANCE = timedelta(days=1)


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the present UTC day."""
    return now().date()


def month_after(day: date) -> datetime:
    """Return when the month after that of a day begins."""
    return datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)


def is_plausible(moment: datetime | None, *, at: datetime | None = None) -> bool:
    """Tell whether an event time can be believed: after 1990 and at most a day ahead of `at` (default: now)."""
    if moment is None:
        return False
    return EARLIEST_VALID <= moment <= (at or now()) + FUTURE_TOLERANCE
