"""Filters for Jira: clauses of JQL (support.atlassian.com/jira-software-cloud/docs/jql-fields).

A search gives issues. Read for the issues themselves, `created` in milliseconds is exact; read for their comments as
well, an issue that was updated since may hold comments that are older, and its reporter is not who wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opsintel.filters.narrowing import EVALUATED_HERE, NO_PLAIN_WORD, plain_address, plain_words
from opsintel.filters.plan import Dialect, Exactness, Local, Plan, Pushed, foreign_block, plan
from opsintel.filters.syntax import Age, Moment, Named, Node, Raw, Term, Words
from opsintel.filters.terms import moment_at
from opsintel.filters.words import same

_FIELDS = {"label": "labels", "channel": "project", "status": "status"}

# The words that Lucene's English analysis leaves out: a search for one of them finds nothing.
_STOP_WORDS = frozenset(
    ["an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of", "on",
     "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of JQL that stands beside others, and its opposite where it has one."""

    text: str
    opposite: str = ""


@dataclass(frozen=True)
class Jira(Dialect[Clause]):
    """JQL at a moment; `accounts` gives account ids by address, `names` the labels, projects and states as spelled."""

    now: datetime
    with_comments: bool = False
    accounts: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()
    title = "Jira"

    def term(self, term: Term) -> Pushed[Clause] | Local:
        """Return the clause for a term."""
        match term:
            case Moment() | Age():
                return self._time(term)
            case Words(field="from"):
                return self._reporter(plain_address(term.text))
            case Words(field="subject"):
                words = [word for word in plain_words(term.text) if word not in _STOP_WORDS]
                if not words:
                    return Local(NO_PLAIN_WORD)
                return Pushed(Clause(" AND ".join(f"summary ~ {quoted(word)}" for word in words)), Exactness.SUPERSET)
            case Named(field="channel"):
                return self._name(_FIELDS[term.field], term.value.strip().removeprefix("#"))
            case Named(field="label" | "status"):
                return self._name(_FIELDS[term.field], term.value)
            case Raw(provider="jira"):
                return Pushed(Clause(f"({term.query})"), Exactness.EXACT)
            case Raw():
                return foreign_block(term, self.title)
            case _:
                return Local(EVALUATED_HERE)

    def together(self, queries: Sequence[Clause]) -> Clause:
        """Return the clause for all."""
        return Clause(" AND ".join(query.text for query in queries))

    def either(self, queries: Sequence[Clause]) -> Clause | None:
        """Return the clause for any."""
        return Clause("(" + " OR ".join(f"({q.text})" if " AND " in q.text else q.text for q in queries) + ")")

    def negated(self, query: Clause) -> Clause | None:
        """Return the opposite of a clause."""
        return Clause(query.opposite) if query.opposite else None

    def native(self, query: Clause | None) -> dict[str, Any]:
        """Return the condition; the connector puts its cursor beside it and the order behind it."""
        return {} if query is None else {"jql": query.text}

    def _time(self, term: Moment | Age) -> Pushed[Clause] | Local:
        milliseconds = int(moment_at(term, self.now).timestamp() * 1000)
        exactness = Exactness.SUPERSET if self.with_comments else Exactness.EXACT
        if term.side == "before":
            return Pushed(Clause(f"created < {milliseconds}"), exactness)
        return Pushed(Clause(f"{'updated' if self.with_comments else 'created'} >= {milliseconds}"), exactness)

    def _reporter(self, address: str) -> Pushed[Clause] | Local:
        if self.with_comments:
            return Local("the reporter of an issue is not who wrote its comments")
        account = self.accounts.get(address, "")
        if not account:
            return Local("the account id of the address is not known")
        return Pushed(Clause(f"reporter = {quoted(account)}"), Exactness.SUPERSET)

    def _name(self, name: str, value: str) -> Pushed[Clause] | Local:
        spelled = list(dict.fromkeys([one for one in self.names if same(one, value)])) or [value.strip()]
        if not all(one.isprintable() for one in spelled):
            return Local("the name holds a control character")
        listed = ", ".join(quoted(one) for one in spelled)
        is_one = len(spelled) == 1
        opposite = f"{name} != {listed}" if is_one else f"{name} not in ({listed})"
        if name == "labels":  # what has no label is not "unlike" any in JQL
            opposite = f"({opposite} OR labels is EMPTY)"
        return Pushed(Clause(f"{name} = {listed}" if is_one else f"{name} in ({listed})", opposite), Exactness.EXACT)


def push_down(
    tree: Node,
    now: datetime,
    *,
    with_comments: bool = False,
    accounts: Mapping[str, str] | None = None,
    names: Sequence[str] = (),
) -> Plan:
    """Return what Jira evaluates of a filter, for issues alone or with their comments."""
    return plan(tree, Jira(now, with_comments, accounts or {}, names))


def quoted(text: str) -> str:
    """Return a string of JQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
