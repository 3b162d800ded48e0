"""Event times, read cheaply: a time that cannot be read or believed is None, and the normaliser says why."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from opsintel.clock import is_plausible

_LENGTH_LIMIT = 200
_MONTHS = {
    name: number
    for number, name in enumerate((b"jan feb mar apr may jun jul aug sep oct nov dec").split(), start=1)
}  # fmt: skip
# The form nearly all mail has (RFC 5322 3.3); whatever differs goes the long way.
_USUAL_DATE = re.compile(
    rb"(?:[A-Za-z]{3}, {1,2})?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)([0-5]\d)\b"
)
_EPOCH = re.compile(r"\d{9,13}(?:\.\d{1,9})?\Z")
_MILLISECONDS_FROM = 1e11


def mail_time(value: bytes) -> datetime | None:
    """Return the UTC time of a Date header (RFC 5322 and its obsolete forms), None where it cannot be believed."""
    usual = _USUAL_DATE.match(value)
    if usual is None:
        return _written_time(value[:_LENGTH_LIMIT].decode("ascii", "replace"))
    day, month, year, hour, minute, second, sign, offset_hours, offset_minutes = usual.groups()
    try:
        moment = datetime(
            int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC
        )
        if offset_hours != b"00" or offset_minutes != b"00":
            offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
            moment = moment - offset if sign == b"+" else moment + offset
        return _believed(moment)
    except (KeyError, ValueError, OverflowError):
        return None


def value_time(value: object) -> datetime | None:
    """Return the UTC time of an ISO 8601 text, an epoch in seconds or milliseconds, or a written date as in mail."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()[:_LENGTH_LIMIT]
    if _EPOCH.match(text):
        return epoch_time(text)
    try:
        moment = datetime.fromisoformat(text)
        return _believed(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return _written_time(text)


def epoch_time(text: str) -> datetime | None:
    """Return the UTC time of seconds since 1970, or of milliseconds where seconds would lie beyond the year 5138."""
    try:
        seconds = float(text)
        return _believed(datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS_FROM else seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _written_time(text: str) -> datetime | None:
    try:
        parsed = parsedate_tz(text.strip())
        if parsed is None:
            return None
        offset = timedelta(seconds=parsed[9] or 0)
        # A leap second is a valid time of RFC 5322 which datetime cannot hold.
        return _believed(datetime(*parsed[:5], min(parsed[5], 59), tzinfo=UTC) - offset)
    except (ValueError, IndexError, OverflowError):
        return None


def _believed(moment: datetime) -> datetime | None:
    return moment if is_plausible(moment) else None
