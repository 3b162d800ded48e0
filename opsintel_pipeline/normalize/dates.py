"""Event times: the provider's own, or null with the reason. A time is never replaced by now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from opsintel.clock import EARLIEST_VALID, is_plausible

_DATE_LIMIT = 200
_OFFSET_LIMIT = timedelta(hours=24)
_EPOCH = re.compile(r"-?\d{9,13}(?:\.\d{1,9})?\Z")


def judged(moment: datetime | None) -> tuple[datetime | None, str]:
    """Return the time and '' where it can be believed, else None and `absurd` or `future`."""
    if moment is None or moment < EARLIEST_VALID:
        return None, "absurd"
    return (moment, "") if is_plausible(moment) else (None, "future")


def from_mail_header(value: str) -> tuple[datetime | None, str]:
    """Read a Date header (RFC 5322 and its obsolete forms); the second value is '' or why there is no time."""
    value = value.strip()
    if not value:
        return None, "missing"
    try:
        parsed = parsedate_tz(value[:_DATE_LIMIT])
    except (ValueError, IndexError, OverflowError):
        parsed = None
    if parsed is None:
        return None, "absurd"
    offset = timedelta(seconds=parsed[9] or 0)
    if abs(offset) > _OFFSET_LIMIT:
        return None, "absurd"
    try:
        # A leap second is a valid time of RFC 5322 which datetime cannot hold.
        moment = datetime(*parsed[:5], min(parsed[5], 59), tzinfo=UTC) - offset
    except (ValueError, OverflowError):
        return None, "absurd"
    return judged(moment)


def from_value(value: object) -> tuple[datetime | None, str]:
    """Read an ISO 8601 text or an epoch in seconds or milliseconds; the second value is '' or why there is no time."""
    if value is None or value == "" or isinstance(value, bool):
        return None, "missing"
    text = str(value).strip()
    if not text:
        return None, "missing"
    if isinstance(value, int | float) or _EPOCH.match(text):
        return from_epoch(text)
    try:
        moment = datetime.fromisoformat(text[:_DATE_LIMIT])
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return from_mail_header(text)
    return judged(moment)


def from_epoch(text: str) -> tuple[datetime | None, str]:
    """Read seconds since 1970 (above the year 5138: milliseconds); the second value is '' or why there is no time."""
    try:
        seconds = float(text)
        if seconds > 1e11:
            seconds /= 1000
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None, "absurd"
    return judged(moment)
