"""Filters for Microsoft Graph: folders, and `$filter` of a delta or of a list.

A delta takes `receivedDateTime ge` and nothing else (learn.microsoft.com/graph/api/message-delta); a list also takes an
end and a sender.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsintel.filters.narrowing import EVALUATED_HERE, Span, of_all, of_any_place, place, plain_address
from opsintel.filters.plan import Dialect, Exactness, Local, Plan, Pushed, foreign_block, plan
from opsintel.filters.syntax import Age, Moment, Named, Node, Raw, Term, Words, terms
from opsintel.filters.terms import moment_at

_NOT_IN_DELTA = "a delta takes no filter but the first moment"


@dataclass(frozen=True, slots=True)
class Reading:
    """Folders and a span of time, and further conditions of a list."""

    span: Span = Span()
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph(Dialect[Reading]):
    """Messages of Graph at a moment, by delta or by list."""

    now: datetime
    by_list: bool = False
    title = "Graph"

    def term(self, term: Term) -> Pushed[Reading] | Local:
        """Return what is read for a term."""
        match term:
            case Moment(side="after") | Age(side="after"):
                return Pushed(Reading(Span(after=moment_at(term, self.now))), Exactness.SUPERSET)
            case Named(field="channel"):
                return Pushed(Reading(place(term.value)), Exactness.EXACT)
            case Raw() if term.provider != "graph":
                return foreign_block(term, self.title)
            case Moment() | Age() | Words(field="from") | Raw() if not self.by_list:
                return Local(_NOT_IN_DELTA)
            case Moment() | Age():
                return Pushed(Reading(Span(before=moment_at(term, self.now))), Exactness.SUPERSET)
            case Raw():
                return Pushed(Reading(conditions=(f"({term.query})",)), Exactness.EXACT)
            case Words(field="from"):
                address = plain_address(term.text)
                if not address or address.startswith("@"):
                    return Local("a list compares whole addresses only")
                return Pushed(Reading(conditions=(f"from/emailAddress/address eq '{address}'",)), Exactness.SUPERSET)
            case _:
                return Local(EVALUATED_HERE)

    def together(self, queries: Sequence[Reading]) -> Reading:
        """Return what is read for all."""
        conditions = (condition for query in queries for condition in query.conditions)
        return Reading(of_all([query.span for query in queries]), tuple(conditions))

    def either(self, queries: Sequence[Reading]) -> Reading | None:
        """Return what is read for any of several folders."""
        found = None if any(query.conditions for query in queries) else of_any_place([query.span for query in queries])
        return None if found is None else Reading(found)

    def native(self, query: Reading | None) -> dict[str, Any]:
        """Return the folders to read, and `$filter` of each delta or list."""
        query = query or Reading()
        span = query.span
        bounds = [f"receivedDateTime ge {span.after:%Y-%m-%dT%H:%M:%SZ}"] if span.after else []
        bounds += [f"receivedDateTime lt {span.before:%Y-%m-%dT%H:%M:%SZ}"] if span.before else []
        found: dict[str, Any] = {} if span.places is None else {"folders": sorted(span.places)}
        conditions = [*bounds, *query.conditions]
        return found | (
            {("list" if self.by_list else "delta"): {"$filter": " and ".join(conditions)}} if conditions else {}
        )


def push_down(tree: Node, now: datetime, *, by_list: bool = False) -> Plan:
    """Return what Graph evaluates of a filter, read by delta or by list; a block of Graph's own needs the list."""
    has_block = any(isinstance(term, Raw) and term.provider == "graph" for term in terms(tree))
    return plan(tree, Graph(now, by_list or has_block))
