"""The syntax tree of filters: one typed, versioned form, whatever it was written as.

The text form is read by parse.py and written by text.py, the JSON form by document.py. A tree is bounded in depth and
in the number of its terms; `bounded` holds that for trees that were built otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import Discriminator

from opsintel.errors import FilterError

VERSION = 1
"""Version of the tree's JSON form."""

MAXIMUM_LENGTH = 8_000
"""Characters of a filter as text."""
MAXIMUM_DEPTH = 20
"""Groups and negations within each other."""
MAXIMUM_TERMS = 150
"""Terms of a filter."""
MAXIMUM_VALUE = 500
"""Characters of one value."""
MAXIMUM_PATTERN = 1_000
"""Characters of one regular expression."""
MAXIMUM_RAW = 2_000
"""Characters of one provider block."""

TextField = Literal["any", "from", "to", "cc", "subject", "body"]
NameField = Literal[
    "label", "channel", "source", "org", "status", "priority", "lang", "kind", "category", "state"
]  # fmt: skip
FlagName = Literal["attachment", "bot", "internal", "auto"]
Quantity = Literal["severity", "sentiment", "customers", "volume"]
Comparison = Literal["<", "<=", "=", ">=", ">"]
Side = Literal["after", "before"]
Unit = Literal["h", "d", "w", "m", "y"]
Provider = Literal["gmail", "graph", "imap", "slack", "zendesk", "jira"]

PROVIDERS: tuple[Provider, ...] = ("gmail", "graph", "imap", "slack", "zendesk", "jira")


@dataclass(frozen=True, slots=True)
class Words:
    """Words next to each other in a text; of `any`, in the subject or in the new text."""

    field: TextField
    text: str
    op: Literal["words"] = "words"


@dataclass(frozen=True, slots=True)
class Named:
    """A name that is equal, apart from case: a label, a channel, a status."""

    field: NameField
    value: str
    op: Literal["named"] = "named"


@dataclass(frozen=True, slots=True)
class Custom:
    """A field of the provider, by its name, with this value."""

    name: str
    value: str
    op: Literal["custom"] = "custom"


@dataclass(frozen=True, slots=True)
class Flag:
    """Something a message has or is."""

    name: FlagName
    op: Literal["flag"] = "flag"


@dataclass(frozen=True, slots=True)
class Moment:
    """A side of a moment: `after` includes it, `before` does not. UTC, whole seconds."""

    side: Side
    at: datetime
    op: Literal["moment"] = "moment"


@dataclass(frozen=True, slots=True)
class Age:
    """The same relative to the present: `after` is newer than so long ago, `before` is older."""

    side: Side
    amount: int
    unit: Unit
    op: Literal["age"] = "age"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression (RE2) that is found in the subject or in the new text."""

    pattern: str
    ignore_case: bool = False
    op: Literal["pattern"] = "pattern"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of the analysis (severity, sentiment) or of the issue (customers, volume), compared."""

    field: Quantity
    comparison: Comparison
    number: int
    op: Literal["measure"] = "measure"


@dataclass(frozen=True, slots=True)
class Raw:
    """A query in a provider's own language; only that provider evaluates it."""

    provider: Provider
    query: str
    op: Literal["raw"] = "raw"


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts; without parts: everything."""

    parts: tuple[Node, ...]
    op: Literal["and"] = "and"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts, of which there are at least two."""

    parts: tuple[Node, ...]
    op: Literal["or"] = "or"


@dataclass(frozen=True, slots=True)
class Not:
    """What the part does not match."""

    part: Node
    op: Literal["not"] = "not"


Term = Words | Named | Custom | Flag | Moment | Age | Pattern | Measure | Raw
Node = Annotated[Term | And | Or | Not, Discriminator("op")]
KINDS: tuple[type, ...] = get_args(get_args(Node)[0])
"""The classes of nodes."""

EVERYTHING = And(())


def children(node: Node) -> tuple[Node, ...]:
    """Return the parts of a node; none of a term."""
    if isinstance(node, And | Or):
        return node.parts
    return (node.part,) if isinstance(node, Not) else ()


def terms(node: Node) -> Iterator[Term]:
    """Yield the terms of a tree from left to right, without recursion."""
    stack = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, And | Or | Not):
            stack.extend(reversed(children(top)))
        else:
            yield top


def bounded(node: Node) -> Node:
    """Return the tree; raise `FilterError` where it is too deep or has too many terms. Takes no recursion."""
    stack, count = [(node, 0)], 0
    while stack:
        top, depth = stack.pop()
        if depth > MAXIMUM_DEPTH:
            raise FilterError(f"The filter is nested deeper than {MAXIMUM_DEPTH}")
        below = children(top)
        count += not below
        if count > MAXIMUM_TERMS:
            raise FilterError(f"The filter has more than {MAXIMUM_TERMS} terms")
        stack.extend((part, depth + 1) for part in below)
    return node


def misplaced_block(node: Node) -> Raw | None:
    """Return a provider block that stands under a negation or an alternative, if there is one.

    Only its provider can evaluate a block, so it narrows what is read there, and nothing can be built upon it.
    """
    beside = node.parts if isinstance(node, And) else (node,)
    nested = (term for part in beside if isinstance(part, And | Or | Not) for term in terms(part))
    return next((term for term in nested if isinstance(term, Raw)), None)


def conjunction(parts: list[Node]) -> Node:
    """Return the parts as one node: nested conjunctions are flat, a single part stands alone."""
    return _joined(And, parts)


def disjunction(parts: list[Node]) -> Node:
    """Return the alternatives as one node: nested ones are flat, a single one stands alone."""
    return _joined(Or, parts)


def negation(part: Node) -> Node:
    """Return the opposite of a node; that of a negation is what it negates."""
    return part.part if isinstance(part, Not) else Not(part)


def tidy(node: Node) -> Node:
    """Return the tree in the form in which the parser gives it: flat, without double negation."""
    if isinstance(node, Not):
        return negation(tidy(node.part))
    if isinstance(node, And):
        return conjunction([tidy(part) for part in node.parts])
    if isinstance(node, Or):
        return disjunction([tidy(part) for part in node.parts])
    return node


def _joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return flat[0] if len(flat) == 1 else kind(tuple(flat))
