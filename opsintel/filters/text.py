"""A tree written as text: `parse` gives the same tree again."""

from __future__ import annotations

import re
from datetime import datetime, time

from opsintel.filters.parse import OPERATORS
from opsintel.filters.patterns import slashed
from opsintel.filters.raw import PREFIXES
from opsintel.filters.syntax import (
    Age,
    And,
    Custom,
    Flag,
    Measure,
    Moment,
    Named,
    Node,
    Not,
    Or,
    Pattern,
    Raw,
    Term,
    Words,
    bounded,
)
from opsintel.filters.terms import SENTIMENTS

_PLAIN = re.compile(r"[\w.@+#][\w.@+#/-]*\Z")
_BLOCKS = {provider: prefix for prefix, provider in PREFIXES.items()}


def written(node: Node) -> str:
    """Return the text form of a tree; '' of the one that matches everything."""
    return _node(bounded(node))


def _node(node: Node, *, within: bool = False) -> str:
    if isinstance(node, And | Or):
        text = (" " if isinstance(node, And) else " OR ").join(_node(part, within=True) for part in node.parts)
        return f"({text})" if within else text
    if isinstance(node, Not):
        return f"-{_node(node.part, within=True)}"
    return _term(node)


def _term(term: Term) -> str:
    if isinstance(term, Words):
        return _value(term.text) if term.field == "any" else f"{term.field}:{_value(term.text)}"
    if isinstance(term, Named):
        return f"{term.field}:{_value(term.value)}"
    if isinstance(term, Custom):
        return f"field[{term.name}]:{_value(term.value)}"
    if isinstance(term, Flag):
        return f"has:{term.name}" if term.name == "attachment" else f"is:{term.name}"
    if isinstance(term, Moment):
        return f"{term.side}:{_moment(term.at)}"
    if isinstance(term, Age):
        return f"{'newer' if term.side == 'after' else 'older'}_than:{term.amount}{term.unit}"
    if isinstance(term, Pattern):
        return f"/{slashed(term.pattern)}/{'i' if term.ignore_case else ''}"
    if isinstance(term, Measure):
        return _measure(term)
    return _block(term)


def _block(term: Raw) -> str:
    return f"{_BLOCKS[term.provider]}:{{{term.query}}}"


def _measure(term: Measure) -> str:
    is_named = term.field == "sentiment" and -2 <= term.number <= 2
    number = SENTIMENTS[term.number + 2] if is_named else str(term.number)
    return f"{term.field}:{'' if term.comparison == '=' else term.comparison}{number}"


def _moment(at: datetime) -> str:
    return at.date().isoformat() if at.time() == time() else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _value(value: str) -> str:
    if _PLAIN.match(value) and value not in OPERATORS:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
