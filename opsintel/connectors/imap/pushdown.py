"""Filters for IMAP: mailboxes, and a SEARCH (RFC 3501) in US-ASCII.

SINCE and BEFORE look at the day alone, in the zone of whoever delivered: they are a day wider on each side. FROM and
SUBJECT find substrings, so only what every matching text holds is looked for: runs of ASCII letters and digits. OR
takes two keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opsintel.filters.narrowing import (
    EVALUATED_HERE,
    NO_PLAIN_WORD,
    Span,
    of_all,
    of_any_place,
    place,
    plain_address,
    plain_runs,
)
from opsintel.filters.plan import Dialect, Exactness, Local, Plan, Pushed, foreign_block, plan
from opsintel.filters.syntax import Age, Moment, Named, Node, Raw, Term, Words
from opsintel.filters.terms import moment_at
from opsintel.filters.words import same

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Search:
    """Mailboxes and search keys, each of which is complete in itself."""

    span: Span = Span()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imap(Dialect[Search]):
    """A server's search at a moment; `gmail_labels` are those of an account of Gmail (X-GM-EXT-1), as spelled there."""

    now: datetime
    gmail_labels: Sequence[str] = ()
    title = "IMAP"

    def term(self, term: Term) -> Pushed[Search] | Local:
        """Return the search for a term."""
        match term:
            case Moment() | Age():
                return Pushed(Search(keys=(_day_key(term, moment_at(term, self.now)),)), Exactness.SUPERSET)
            case Words(field="from"):
                address = plain_address(term.text).removeprefix("@")
                return _substrings("FROM", (address,) if address else plain_runs(term.text))
            case Words(field="subject"):
                return _substrings("SUBJECT", plain_runs(term.text))
            case Named(field="channel"):
                return Pushed(Search(place(term.value)), Exactness.EXACT)
            case Named(field="label"):
                return self._label(term.value)
            case Raw(provider="imap"):
                return Pushed(Search(keys=(f"({term.query})",)), Exactness.EXACT)
            case Raw():
                return foreign_block(term, self.title)
            case _:
                return Local(EVALUATED_HERE)

    def together(self, queries: Sequence[Search]) -> Search:
        """Return the search for all: keys beside each other."""
        keys = dict.fromkeys(key for query in queries for key in query.keys)
        return Search(of_all([query.span for query in queries]), tuple(keys))

    def either(self, queries: Sequence[Search]) -> Search | None:
        """Return the search for any: one key, or several mailboxes."""
        if not any(query.keys for query in queries):
            found = of_any_place([query.span for query in queries])
            return None if found is None else Search(found)
        if any(query.span.places is not None for query in queries):
            return None
        return Search(keys=(_any_of([_one_key(query.keys) for query in queries]),))

    def negated(self, query: Search) -> Search | None:
        """Return the search for what a label does not have."""
        return Search(keys=(f"NOT {_one_key(query.keys)}",)) if query.span.places is None else None

    def native(self, query: Search | None) -> dict[str, Any]:
        """Return the mailboxes to read and what stands behind UID SEARCH; it is ASCII and one line."""
        query = query or Search()
        found: dict[str, Any] = {} if query.span.places is None else {"mailboxes": sorted(query.span.places)}
        return found | ({"search": " ".join(query.keys)} if query.keys else {})

    def _label(self, name: str) -> Pushed[Search] | Local:
        # What differs in case alone is one label to the filter, and more than one to the search.
        spelled = [label for label in self.gmail_labels if same(label, name)]
        if not spelled:
            return Local("a server of IMAP has no labels, unless it is Gmail's and the label is known")
        if not all(label.isascii() and label.isprintable() for label in spelled):
            return Local("the name of the label is not ASCII")
        return Pushed(Search(keys=(_any_of([f"X-GM-LABELS {quoted(label)}" for label in spelled]),)), Exactness.EXACT)


def push_down(tree: Node, now: datetime, gmail_labels: Sequence[str] = ()) -> Plan:
    """Return what a server evaluates of a filter."""
    return plan(tree, Imap(now, gmail_labels))


def quoted(text: str) -> str:
    """Return a quoted string of IMAP. Raises `ValueError` for what only a literal could hold."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a quoted string holds printable ASCII")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _substrings(key: str, parts: Sequence[str]) -> Pushed[Search] | Local:
    if not parts:
        return Local(NO_PLAIN_WORD)
    return Pushed(Search(keys=tuple(f"{key} {quoted(part)}" for part in parts)), Exactness.SUPERSET)


def _day_key(term: Moment | Age, moment: datetime) -> str:
    """Return SINCE or BEFORE: no zone is more than a day away from UTC, and BEFORE leaves its own day out."""
    day = moment - _DAY if term.side == "after" else moment + 2 * _DAY
    return f"{'SINCE' if term.side == 'after' else 'BEFORE'} {day.day}-{_MONTHS[day.month - 1]}-{day.year:04}"


def _one_key(keys: tuple[str, ...]) -> str:
    return keys[0] if len(keys) == 1 else f"({' '.join(keys)})"


def _any_of(keys: Sequence[str]) -> str:
    """Return a key for what any of some finds: OR takes two, so it is nested to the right."""
    *sides, last = keys
    for side in reversed(sides):
        last = f"OR {side} {last}"
    return last
