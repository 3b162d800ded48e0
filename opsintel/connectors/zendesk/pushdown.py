"""Filters for Zendesk: `start_time` of the incremental exports, which give all that was updated since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsintel.filters.narrowing import EVALUATED_HERE, Reading, Span, read_together
from opsintel.filters.plan import Dialect, Exactness, Local, Plan, Pushed, foreign_block, plan
from opsintel.filters.syntax import Age, Moment, Node, Raw, Term
from opsintel.filters.terms import moment_at


@dataclass(frozen=True)
class Zendesk(Dialect[Reading]):
    """Incremental exports at a moment."""

    now: datetime
    title = "Zendesk"

    def term(self, term: Term) -> Pushed[Reading] | Local:
        """Return what is exported for a term."""
        match term:
            case Moment(side="after") | Age(side="after"):
                # A ticket is updated when it is written, and perhaps later.
                return Pushed(Reading(Span(after=moment_at(term, self.now))), Exactness.SUPERSET)
            case Moment() | Age():
                return Local("an export has no end")
            case Raw(provider="zendesk"):
                return Pushed(Reading(search=(term.query,)), Exactness.EXACT)
            case Raw():
                return foreign_block(term, self.title)
            case _:
                return Local(EVALUATED_HERE)

    def together(self, queries: Sequence[Reading]) -> Reading:
        """Return what is exported for all."""
        return read_together(queries)

    def native(self, query: Reading | None) -> dict[str, Any]:
        """Return `start_time` in seconds, and the search."""
        query = query or Reading()
        found: dict[str, Any] = {"start_time": int(query.span.after.timestamp())} if query.span.after else {}
        return found | ({"search": " ".join(query.search)} if query.search else {})


def push_down(tree: Node, now: datetime) -> Plan:
    """Return what Zendesk evaluates of a filter."""
    return plan(tree, Zendesk(now))
