"""The terms of the text form: how each begins, what its value is and what it means."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import get_args

from opsintel.errors import FilterError
from opsintel.filters.raw import PREFIXES
from opsintel.filters.syntax import (
    MAXIMUM_VALUE,
    Age,
    Custom,
    Flag,
    FlagName,
    Measure,
    Moment,
    Named,
    NameField,
    Quantity,
    Side,
    Term,
    TextField,
    Unit,
    Words,
)
from opsintel.filters.words import words_of

MEANINGS: dict[str, str] = {
    "from": "who wrote it: an address, @domain, or words of name and address",
    "to": "who it was sent to, in the same way",
    "cc": "who got a copy (Cc or Bcc), in the same way",
    "subject": "words of the subject",
    "body": "words of the new text, without quoted text and signature",
    "label": "a label, tag or category of the provider",
    "channel": "channel, folder, queue or project",
    "source": "the source, by its name or kind",
    "org": "the author's organisation, by its domain",
    "status": "status at the provider",
    "priority": "priority at the provider",
    "field": "field[name]: any other field of the provider",
    "has": "has:attachment",
    "is": "is:bot, is:internal (among the tenant's people, or a note), is:auto (automatic mail)",
    "lang": "language, BCP 47; lang:pt also matches pt-BR",
    "after": "at this moment or later: a UTC day, a time, or seconds since 1970",
    "before": "before this moment",
    "newer_than": "newer than so many h, d, w, m (months) or y",
    "older_than": "older than that",
    "severity": "severity of the analysis, 1 (worst) to 5; also <, <=, >, >=",
    "kind": "kind of the analysis, as complaint",
    "category": "category of the analysis; a level above matches what is below it",
    "sentiment": "very_negative, negative, neutral, positive or very_positive; also <, <=, >, >=",
    "state": "state of the issue",
    "customers": "customers of the issue; also <, <=, >, >=",
    "volume": "messages of the issue; also <, <=, >, >=",
}
"""Every keyed term with its meaning; provider blocks come beside them."""

SENTIMENTS = ("very_negative", "negative", "neutral", "positive", "very_positive")
"""By position minus 2, the number that is stored."""

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)
MAXIMUM_AMOUNT = 100_000
MAXIMUM_NUMBER = 1_000_000_000

_TEXTS: tuple[str, ...] = get_args(TextField)
_NAMES: tuple[str, ...] = get_args(NameField)
_QUANTITIES: tuple[str, ...] = get_args(Quantity)
_FLAGS: dict[str, tuple[FlagName, ...]] = {"has": ("attachment",), "is": ("bot", "internal", "auto")}
_SIDES: dict[str, Side] = {"after": "after", "before": "before", "newer_than": "after", "older_than": "before"}
_DAY = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d)?(?:[Zz]|[+-]\d\d:?\d\d)?\Z")
_SECONDS = re.compile(r"\d{6,10}\Z")
_AGE = re.compile(r"(\d{1,6})([hdwmy])\Z")
_MEASURE = re.compile(r"(<=|>=|<|>|=)?(-?\d{1,10}|[a-z_]+)\Z")
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def is_flag(key: str) -> bool:
    """Tell whether a key takes one of a few words and no text."""
    return key in _FLAGS


def unknown(key: str) -> FilterError:
    """Return the error for a key that there is not, with the one that was probably meant."""
    near = get_close_matches(key.lower(), [*MEANINGS, *PREFIXES], n=1)
    remedy = f"Did you mean {near[0]}:?" if near else f'Write "{key}:…" in quotes to look for the text'
    return FilterError(f"There is no term {key}:", remedy=remedy, position=0)


def checked_value(value: str) -> str:
    """Return a value that a term can hold; raise `FilterError` for one that is empty, too long or holds controls."""
    if not value.strip():
        raise FilterError("A value is missing here", position=0)
    if len(value) > MAXIMUM_VALUE:
        raise FilterError(f"The value has more than {MAXIMUM_VALUE} characters", position=MAXIMUM_VALUE)
    if found := _UNUSABLE.search(value):
        raise FilterError("The value holds a control character", position=found.start())
    return value


def term_of(key: str, value: str) -> Term:
    """Return the term of a key and its value; raise `FilterError` with the position within the value."""
    checked_value(value)
    if key in _TEXTS:
        return words_term(key, value)
    if key in _NAMES:
        return Named(key, value)  # type: ignore[arg-type]
    if key in _FLAGS:
        if value not in _FLAGS[key]:
            raise FilterError(f"{key}: takes {' or '.join(_FLAGS[key])}", position=0)
        return Flag(value)
    if key in ("after", "before"):
        return Moment(_SIDES[key], moment_of(value))
    if key in _SIDES:
        return _age(_SIDES[key], value)
    if key in _QUANTITIES:
        return _measure(key, value)
    raise unknown(key)


def custom_term(name: str, value: str) -> Custom:
    """Return the term of a provider's own field."""
    if not name.strip() or len(name) > MAXIMUM_VALUE or "]" in name or _UNUSABLE.search(name):
        raise FilterError("field[…] needs the name of a field", position=0)
    return Custom(name, checked_value(value))


def words_term(field: str, value: str) -> Words:
    """Return the term of words in a text."""
    if not words_of(checked_value(value)):
        raise FilterError("There is no letter and no digit to look for", position=0)
    return Words(field, value)  # type: ignore[arg-type]


def moment_of(value: str) -> datetime:
    """Return a moment in UTC: a day (its beginning), a time (UTC where it names no zone), or seconds since 1970."""
    try:
        if found := _DAY.match(value):
            moment = datetime(*map(int, found.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
        elif _SECONDS.match(value):
            moment = datetime.fromtimestamp(int(value), UTC)
        elif _TIME.match(value):
            moment = datetime.fromisoformat(value.upper())
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        else:
            raise FilterError("Write a day as 2026-01-31, a time as 2026-01-31T12:00:00Z or seconds", position=0)
    except (ValueError, OverflowError) as error:
        raise FilterError(f"There is no such day or time: {error}", position=0) from error
    if not EARLIEST <= moment <= LATEST:
        raise FilterError(f"Days are those from {EARLIEST.date()} to {LATEST.date()}", position=0)
    return moment


def _age(side: Side, value: str) -> Age:
    found = _AGE.match(value)
    if found is None or not 0 < int(found[1]) <= MAXIMUM_AMOUNT:
        raise FilterError("Write a number and h, d, w, m (months) or y, as 7d", position=0)
    unit: Unit = found[2]  # type: ignore[assignment]
    return Age(side, int(found[1]), unit)


def _measure(field: str, value: str) -> Measure:
    found = _MEASURE.match(value)
    names = SENTIMENTS if field == "sentiment" else ()
    if found is None or (found[2][-1:].isalpha() and found[2] not in names):
        examples = f"one of {', '.join(names)}" if names else "a number, also with <, <=, > or >="
        raise FilterError(f"{field}: takes {examples}", position=0)
    number = names.index(found[2]) - 2 if found[2] in names else int(found[2])
    if abs(number) > MAXIMUM_NUMBER:
        raise FilterError("The number is too large", position=0)
    return Measure(field, found[1] or "=", number)  # type: ignore[arg-type]


def moment_at(term: Moment | Age, now: datetime) -> datetime:
    """Return the moment of a time term, in UTC and whole seconds; months and years are those of the calendar."""
    if isinstance(term, Moment):
        return term.at
    now = now.astimezone(UTC).replace(microsecond=0)
    if term.unit in "my":
        return _months_before(now, term.amount * (12 if term.unit == "y" else 1))
    days = {"h": 1 / 24, "d": 1, "w": 7}[term.unit] * term.amount
    return EARLIEST if days >= (now - EARLIEST).days else now - timedelta(days=days)


def _months_before(now: datetime, months: int) -> datetime:
    month = now.year * 12 + now.month - 1 - months
    year, month = divmod(month, 12)
    if year < EARLIEST.year:
        return EARLIEST
    for day in range(now.day, now.day - 4, -1):  # the last day of a shorter month
        try:
            return now.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
