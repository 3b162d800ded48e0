"""Filters on stored messages: conditions in SQL for what it evaluates as we do, the rest here, row by row.

The database is one more dialect of plan.py. Names of ASCII letters are compared exactly, by lower case of the collation
"C", which knows no other letters; words in texts are a superset, found as parts of the text; patterns, other letters
and recipients are evaluated here. A changed filter selects anew in what is stored, and fetches nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from opsintel.filters.evaluate import Item, predicate
from opsintel.filters.narrowing import EVALUATED_HERE, NO_PLAIN_WORD, plain_address, plain_runs
from opsintel.filters.plan import Dialect, Exactness, Local, Plan, Pushed, plan
from opsintel.filters.rows import COLUMNS, JOINS, item_of
from opsintel.filters.syntax import (
    EVERYTHING,
    Age,
    Custom,
    Flag,
    Measure,
    Moment,
    Named,
    Node,
    Raw,
    Term,
    Words,
)
from opsintel.filters.terms import moment_at
from opsintel.filters.words import folded

PAGE = 500
"""Rows that are held at a time while they are evaluated here."""

_NAMES = {
    "label": "EXISTS (SELECT FROM message_label AS held WHERE held.message_id = message.id AND {held.label} = %s)",
    "source": "EXISTS (SELECT FROM message_occurrence AS seen JOIN source ON source.id = seen.source_id"
    " WHERE seen.message_id = message.id AND seen.deleted_at IS NULL AND %s IN ({source.name}, {source.kind}))",
    "org": "EXISTS (SELECT FROM participant AS writer JOIN organization ON organization.id = writer.organization_id"
    " WHERE writer.id = message.author_id AND {organization.domain} = %s)",
    "channel": "{message.channel} IN (%s, %s)",
    "lang": "({message.language} = %s OR starts_with({message.language}, %s))",
    "kind": "{analysis.kind} = %s",
    "category": "({analysis.category} = %s OR starts_with({analysis.category}, %s))",
    "state": "{issue.state} = %s",
}
"""The condition of each name; a column in braces is compared without regard to case."""

_FLAGS = {
    "attachment": "EXISTS (SELECT FROM attachment AS part WHERE part.message_id = message.id AND NOT part.inline)",
    "bot": "message.is_bot",
    "internal": "(message.visibility = 'internal' OR message.direction = 'internal')",
    "auto": "message.automatic IS NOT NULL",
}
_MEASURES = {
    "severity": "analysis.severity", "sentiment": "analysis.sentiment", "customers": "issue.customers",
    "volume": "issue.messages",
}  # fmt: skip
_VALUE = (
    "CASE jsonb_typeof(message.extra -> %s) WHEN 'array' THEN EXISTS ("
    "SELECT FROM jsonb_array_elements(message.extra -> %s) AS part"
    " WHERE jsonb_typeof(part) IN ('string', 'number', 'boolean') AND {part #>> '[]'} = %s)"
    " WHEN 'object' THEN false ELSE {message.extra ->> %s} = %s END"
)
_ANALYSED = "EXISTS (SELECT FROM analysis WHERE analysis.message_id = message.id AND analysis.current AND {})"
_IN_ISSUE = (
    "EXISTS (SELECT FROM issue_member AS member JOIN issue ON issue.id = member.issue_id"
    " WHERE member.message_id = message.id AND member.removed_at IS NULL AND {})"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on `message` that is never null, and its values in their order."""

    text: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Stored(Dialect[Condition]):
    """Stored messages at a moment."""

    now: datetime
    title = "SQL"

    def term(self, term: Term) -> Pushed[Condition] | Local:
        """Return the condition of a term."""
        match term:
            case Moment() | Age():
                sign = ">=" if term.side == "after" else "<"
                text = f"coalesce(message.occurred_at {sign} %s, false)"
                return Pushed(Condition(text, (moment_at(term, self.now),)), Exactness.EXACT)
            case Words():
                return _words(term)
            case Named(field="status" | "priority"):
                return _value(term.field, term.value)
            case Custom():
                return _value(term.name, term.value)
            case Named():
                return _named(term)
            case Flag():
                return Pushed(Condition(_FLAGS[term.name]), Exactness.EXACT)
            case Measure():
                about = _ANALYSED if term.field in ("severity", "sentiment") else _IN_ISSUE
                text = about.format(f"{_MEASURES[term.field]} {term.comparison} %s")
                return Pushed(Condition(text, (term.number,)), Exactness.EXACT)
            case Raw():
                return Local("only the provider evaluates a block; what is stored is not measured by it")
            case _:
                return Local(EVALUATED_HERE)

    def together(self, queries: Sequence[Condition]) -> Condition:
        """Return the condition of all."""
        return _joined(" AND ", queries)

    def either(self, queries: Sequence[Condition]) -> Condition | None:
        """Return the condition of any."""
        return _joined(" OR ", queries)

    def negated(self, query: Condition) -> Condition | None:
        """Return the opposite."""
        return Condition(f"NOT {query.text}", query.values)

    def native(self, query: Condition | None) -> dict[str, Any]:
        """Return the condition with its values."""
        return {} if query is None else {"where": query.text, "values": query.values}


def push_down(tree: Node, now: datetime) -> Plan:
    """Return what the database evaluates of a filter."""
    return plan(tree, Stored(now))


def matching(
    connection: psycopg.Connection,
    tree: Node,
    now: datetime,
    *,
    since: datetime | None = None,
    among: Collection[UUID] | None = None,
) -> Iterator[tuple[UUID, Item | None]]:
    """Yield the stored messages that match, latest first, in the caller's transaction of the tenant.

    Each comes with its id, and as an item where it had to be evaluated here. `since` leaves out what was stored with an
    earlier time (of ingestion, where it has none of its own); `among` are the ids to look at, without it all.
    """
    found = push_down(tree, now)
    is_exact = found.residual == EVERYTHING
    where = ["message.deleted_at IS NULL"]
    values: list[Any] = []
    if since is not None:
        where, values = [*where, "message.sorted_at >= %s"], [since]
    if among is not None:
        where, values = [*where, "message.id = ANY(%s)"], [*values, list(among)]
    if found.pushed:
        where, values = [*where, found.pushed["where"]], [*values, *found.pushed["values"]]
    columns, joins = ("message.id", "") if is_exact else (COLUMNS, JOINS)
    order = "ORDER BY message.sorted_at DESC, message.id DESC"
    statement = f"SELECT {columns} FROM message {joins} WHERE {' AND '.join(where)} {order}"
    is_match = predicate(found.residual, now)
    with connection.cursor(name="filter", row_factory=dict_row) as rows:
        rows.itersize = PAGE
        for row in rows.execute(statement.encode(), values):
            item = None if is_exact else item_of(row)
            if item is None or is_match(item):
                yield row["id"], item


def _words(term: Words) -> Pushed[Condition] | Local:
    if term.field == "from":
        address = plain_address(term.text)
        if not address or address.startswith("@"):
            return Local(EVALUATED_HERE)
        text = _filled("EXISTS (SELECT FROM participant_identity AS identity"
                       " WHERE identity.participant_id = message.author_id AND {identity.value} = %s)")  # fmt: skip
        return Pushed(Condition(text, (address,)), Exactness.SUPERSET)
    if term.field in ("to", "cc"):
        return Local(EVALUATED_HERE)
    runs = plain_runs(term.text)
    if not runs:
        return Local(NO_PLAIN_WORD)
    columns = {"subject": ("subject",), "body": ("text",)}.get(term.field, ("subject", "text"))
    sides = [" AND ".join(f'strpos(lower(message.{column} COLLATE "C"), %s) > 0' for _ in runs) for column in columns]
    return Pushed(Condition(f"({' OR '.join(sides)})", runs * len(columns)), Exactness.SUPERSET)


def _named(term: Named) -> Pushed[Condition] | Local:
    value = folded(term.value.strip())
    if term.field == "channel":
        value = value.removeprefix("#")
    elif term.field == "org":
        value = value.removeprefix("@")
    if not value.isascii():
        return Local(EVALUATED_HERE)
    values: dict[str, tuple[str, ...]] = {
        "channel": (value, f"#{value}"), "lang": (value, f"{value}-"), "category": (value, f"{value} / ")
    }  # fmt: skip
    text = _filled(_NAMES[term.field])
    if term.field in ("kind", "category"):
        text = _ANALYSED.format(text)
    elif term.field == "state":
        text = _IN_ISSUE.format(text)
    return Pushed(Condition(text, values.get(term.field, (value,))), Exactness.EXACT)


def _value(name: str, value: str) -> Pushed[Condition] | Local:
    wanted = folded(value.strip())
    if not wanted.isascii():
        return Local(EVALUATED_HERE)
    text = f"coalesce({_filled(_VALUE).replace('[]', '{}')}, false)"
    return Pushed(Condition(text, (name, name, wanted, name, wanted)), Exactness.EXACT)


def _filled(text: str) -> str:
    """Return a condition whose columns in braces are compared in the lower case of ASCII, without space around them."""
    return text.replace("{", "btrim(lower((").replace("}", ') COLLATE "C"))')


def _joined(operator: str, queries: Sequence[Condition]) -> Condition:
    text = operator.join(query.text for query in queries)
    return Condition(f"({text})", tuple(value for query in queries for value in query.values))
