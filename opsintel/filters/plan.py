"""A filter split in two: what a provider evaluates, and the residual that is evaluated here.

A provider answers exactly what a term means, or more (a superset), or the term stays here. What keeps the result
independent of the provider: all that is not exact is in the residual; a superset is never negated, since its opposite
would miss messages; an alternative is pushed down with all of its sides or not at all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from opsintel.filters.syntax import (
    EVERYTHING,
    Age,
    And,
    Moment,
    Node,
    Not,
    Or,
    Raw,
    Term,
    bounded,
    children,
    conjunction,
    disjunction,
)
from opsintel.filters.text import written

Query = TypeVar("Query")

NOT_A_SUPERSET = "the provider finds more than is meant, and the opposite of that would miss messages"
UNDATED = "messages without a time match it, and the provider gives every message one"


class Exactness(StrEnum):
    """How well a provider evaluates a pushed-down term."""

    EXACT = "exact"
    SUPERSET = "superset"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Pushed(Generic[Query]):
    """A provider's form of a node: it gives what the node matches, or more."""

    query: Query
    exactness: Exactness


@dataclass(frozen=True, slots=True)
class Local:
    """Why a node is evaluated here."""

    reason: str


@dataclass(frozen=True, slots=True)
class TermPlan:
    """A term, perhaps negated, with how well the provider evaluates it and why not better."""

    term: Node
    exactness: Exactness
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a filter is pushed down to the provider, and what remains to be evaluated locally."""

    pushed: Mapping[str, Any]
    exactness: Exactness
    residual: Node = EVERYTHING
    terms: tuple[TermPlan, ...] = ()


class Dialect(ABC, Generic[Query]):
    """A provider's query language; its queries are values of one type."""

    title: str

    @abstractmethod
    def term(self, term: Term) -> Pushed[Query] | Local:
        """Return the provider's form of a term, or why there is none."""

    @abstractmethod
    def together(self, queries: Sequence[Query]) -> Query:
        """Return the query for what all of at least one query give."""

    @abstractmethod
    def native(self, query: Query | None) -> dict[str, Any]:
        """Return the parameters that the provider takes; None: everything is read."""

    def either(self, queries: Sequence[Query]) -> Query | None:
        """Return the query for what any of several gives; None where the provider has no such query."""
        del queries
        return None

    def negated(self, query: Query) -> Query | None:
        """Return the query for all that an exact query does not give; None where there is none."""
        del query
        return None


def plan(tree: Node, dialect: Dialect[Query]) -> Plan:
    """Return what of a filter a provider evaluates; its parameters and the residual together mean the filter."""
    parts = _conjuncts(simplified(bounded(tree)))
    answers = [_push(part, dialect) for part in parts]
    queries = [answer.query for answer in answers if isinstance(answer, Pushed)]
    left = [part for part, answer in zip(parts, answers, strict=True) if _exactness(answer) is not Exactness.EXACT]
    told = tuple(told for part, answer in zip(parts, answers, strict=True) for told in _terms(part, answer, dialect))
    worst = Exactness.EXACT if not left else Exactness.SUPERSET if queries else Exactness.LOCAL
    native = dialect.native(dialect.together(queries) if queries else None)
    return Plan(native, worst, conjunction(left), told)


def local_plan(tree: Node) -> Plan:
    """Return the plan of a source that evaluates nothing."""
    left = [TermPlan(part, Exactness.LOCAL, "the source is read as a whole") for part in _leaves(simplified(tree))]
    return Plan({}, Exactness.LOCAL, simplified(bounded(tree)), tuple(left))


def explained(found: Plan) -> dict[str, Any]:
    """Return a plan as JSON values: the pushed query, the exactness of each term, the residual, what stays and why."""
    return {
        "pushed": dict(found.pushed),
        "exactness": found.exactness.value,
        "terms": [
            {"term": written(term.term), "exactness": term.exactness.value, "reason": term.reason}
            for term in found.terms
        ],
        "residual": written(found.residual),
        "not_pushed": [
            {"term": written(term.term), "reason": term.reason}
            for term in found.terms
            if term.exactness is Exactness.LOCAL
        ],
    }


def simplified(node: Node, *, negate: bool = False) -> Node:
    """Return an equal tree whose negations stand before terms, without what is said twice or already implied."""
    if isinstance(node, Not):
        return simplified(node.part, negate=not negate)
    if not isinstance(node, And | Or):
        return Not(node) if negate else node
    parts = [simplified(part, negate=negate) for part in node.parts]
    is_and = isinstance(node, And) is not negate
    joined = (conjunction if is_and else disjunction)(list(dict.fromkeys(parts)))
    if not isinstance(joined, And | Or):
        return joined
    kept = [part for part in dict.fromkeys(joined.parts) if not _is_implied(part, joined)]
    return conjunction(kept) if isinstance(joined, And) else disjunction(kept)


def _is_implied(part: Node, group: And | Or) -> bool:
    """Tell whether a part says no more than another one of its group: `a OR (a b)` is `a`, and so is `a (a OR b)`."""
    other = Or if isinstance(group, And) else And
    if not isinstance(part, other):
        return False
    inner = set(part.parts)
    return any(
        (set(sibling.parts) < inner if isinstance(sibling, other) else sibling in inner)
        for sibling in group.parts
        if sibling != part
    )


def _push(node: Node, dialect: Dialect[Query]) -> Pushed[Query] | Local:
    if isinstance(node, And):
        return _push_and(node, dialect)
    if isinstance(node, Or):
        return _push_or(node, dialect)
    if isinstance(node, Not):
        return _push_not(node, dialect)
    return dialect.term(node)


def _push_and(node: And, dialect: Dialect[Query]) -> Pushed[Query] | Local:
    answers = [_push(part, dialect) for part in node.parts]
    pushed = [answer for answer in answers if isinstance(answer, Pushed)]
    if not pushed:
        return Local("none of its terms is")
    is_exact = all(_exactness(answer) is Exactness.EXACT for answer in answers)
    query = dialect.together([answer.query for answer in pushed])
    return Pushed(query, Exactness.EXACT if is_exact else Exactness.SUPERSET)


def _push_or(node: Or, dialect: Dialect[Query]) -> Pushed[Query] | Local:
    answers = [_push(part, dialect) for part in node.parts]
    pushed = [answer for answer in answers if isinstance(answer, Pushed)]
    if len(pushed) < len(answers):
        return Local("a side of its OR is evaluated here, so all of them are")
    query = dialect.either([answer.query for answer in pushed])
    if query is None:
        return Local(f"{dialect.title} has no OR of these")
    is_exact = all(answer.exactness is Exactness.EXACT for answer in pushed)
    return Pushed(query, Exactness.EXACT if is_exact else Exactness.SUPERSET)


def _push_not(node: Not, dialect: Dialect[Query]) -> Pushed[Query] | Local:
    if isinstance(node.part, Moment | Age):
        return Local(UNDATED)
    answer = _push(node.part, dialect)
    if isinstance(answer, Local):
        return answer
    if answer.exactness is not Exactness.EXACT:
        return Local(NOT_A_SUPERSET)
    query = dialect.negated(answer.query)
    return Local(f"{dialect.title} cannot negate it") if query is None else Pushed(query, Exactness.EXACT)


def _terms(part: Node, answer: Pushed[Query] | Local, dialect: Dialect[Query]) -> list[TermPlan]:
    """Return what becomes of each term of a part."""
    told: list[TermPlan] = []
    for leaf in _leaves(part):
        own = _push(leaf, dialect)
        if isinstance(own, Local):
            told.append(TermPlan(leaf, Exactness.LOCAL, own.reason))
        elif isinstance(answer, Local):
            told.append(TermPlan(leaf, Exactness.LOCAL, answer.reason))
        else:
            told.append(TermPlan(leaf, own.exactness))
    return told


def _leaves(node: Node) -> list[Node]:
    """Return the terms of a simplified tree, with the negations before them."""
    if isinstance(node, And | Or):
        return [leaf for part in children(node) for leaf in _leaves(part)]
    return [node]


def _conjuncts(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, And) else (node,)


def _exactness(answer: Pushed[Query] | Local) -> Exactness:
    return Exactness.LOCAL if isinstance(answer, Local) else answer.exactness


def foreign_block(term: Raw, title: str) -> Local:
    """Return why a block of another provider is not pushed: it does not speak of these messages."""
    return Local(f"a block for {term.provider} says nothing of messages of {title}")
