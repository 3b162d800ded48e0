"""Filters for Slack: channels, and `oldest` and `latest` of conversations.history and .replies.

Both are compared with a message's `ts`, which has six decimals, so that they are exact: `inclusive` takes both ends in,
and the end is a millionth of a second before the moment. Replies to threads that began earlier are found by the
connector, not by these parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsintel.filters.narrowing import EVALUATED_HERE, Reading, Span, of_any_place, place, read_together
from opsintel.filters.plan import Dialect, Exactness, Local, Plan, Pushed, foreign_block, plan
from opsintel.filters.syntax import Age, Moment, Named, Node, Raw, Term
from opsintel.filters.terms import moment_at


@dataclass(frozen=True)
class Slack(Dialect[Reading]):
    """Histories of channels at a moment."""

    now: datetime
    title = "Slack"

    def term(self, term: Term) -> Pushed[Reading] | Local:
        """Return what is read for a term."""
        match term:
            case Moment() | Age():
                at = moment_at(term, self.now)
                return Pushed(Reading(Span(at, None) if term.side == "after" else Span(None, at)), Exactness.EXACT)
            case Named(field="channel"):
                return Pushed(Reading(place(term.value)), Exactness.EXACT)
            case Raw(provider="slack"):
                return Pushed(Reading(search=(term.query,)), Exactness.EXACT)
            case Raw():
                return foreign_block(term, self.title)
            case _:
                return Local(EVALUATED_HERE)

    def together(self, queries: Sequence[Reading]) -> Reading:
        """Return what is read for all."""
        return read_together(queries)

    def either(self, queries: Sequence[Reading]) -> Reading | None:
        """Return what is read for any of several channels."""
        found = of_any_place([query.span for query in queries])
        return None if found is None else Reading(found)

    def native(self, query: Reading | None) -> dict[str, Any]:
        """Return the channels to read, and the parameters of their histories."""
        query = query or Reading()
        span = query.span
        found: dict[str, Any] = {} if span.places is None else {"channels": sorted(span.places)}
        if span.after:
            found["oldest"] = f"{int(span.after.timestamp())}.000000"
        if span.before:
            found["latest"] = f"{int(span.before.timestamp()) - 1}.999999"
        if span.after or span.before:
            found["inclusive"] = True
        return found | ({"search": " ".join(query.search)} if query.search else {})


def push_down(tree: Node, now: datetime) -> Plan:
    """Return what Slack evaluates of a filter."""
    return plan(tree, Slack(now))
