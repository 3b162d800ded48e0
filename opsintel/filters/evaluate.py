"""Filters evaluated here, on canonical messages: what every provider's answer and every stored row is measured by."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from opsintel.events.message import Address, CanonicalMessage, Direction, IdentityKind, Visibility
from opsintel.events.organization import organization_domain
from opsintel.filters.patterns import compiled
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
    Quantity,
    Raw,
    Term,
    Words,
    bounded,
)
from opsintel.filters.terms import moment_at
from opsintel.filters.words import contains, folded, same, words_of

COMPARISONS = {"<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt}


@dataclass(frozen=True, slots=True)
class Place:
    """A source that a message was seen in."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a message beyond itself: of its analysis and of its issue, as far as there is one."""

    kind: str = ""
    category: str = ""
    state: str = ""
    numbers: Mapping[Quantity, int] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A message with what a filter may ask of it besides."""

    message: CanonicalMessage
    places: tuple[Place, ...] = ()
    findings: Findings = Findings()


Predicate = Callable[[Item], bool]


def predicate(tree: Node, now: datetime) -> Predicate:
    """Return what tells whether an item matches; relative times are those before `now`.

    A term about what an item has not (no time, no analysis, no such field) does not match, so its negation does.
    Provider blocks match: only their provider evaluates them, and it has done so for what it gave.
    """
    return _node(bounded(tree), now)


def matches(tree: Node, item: Item, now: datetime) -> bool:
    """Tell whether an item matches a filter."""
    return predicate(tree, now)(item)


def _node(node: Node, now: datetime) -> Predicate:
    if isinstance(node, And):
        every = [_node(part, now) for part in node.parts]
        return lambda item: all(part(item) for part in every)
    if isinstance(node, Or):
        some = [_node(part, now) for part in node.parts]
        return lambda item: any(part(item) for part in some)
    if isinstance(node, Not):
        part = _node(node.part, now)
        return lambda item: not part(item)
    return _term(node, now)


def _term(term: Term, now: datetime) -> Predicate:
    match term:
        case Words():
            return _words(term)
        case Named():
            return _named(term)
        case Custom():
            return lambda item: is_value(item.message.extra.get(term.name), term.value)
        case Flag():
            return _flag(term)
        case Moment() | Age():
            return _time(term.side == "after", moment_at(term, now))
        case Pattern():
            search = compiled(term.pattern, term.ignore_case).search
            return lambda item: bool(search(item.message.subject) or search(item.message.text))
        case Measure():
            return _measured(term)
        case Raw():
            return _everything
        case _:
            assert_never(term)


def _everything(item: Item) -> bool:
    del item
    return True


def _words(term: Words) -> Predicate:
    if term.field in ("from", "to", "cc"):
        is_meant = address_predicate(term.text)
        if term.field == "from":
            return lambda item: item.message.author is not None and is_meant(item.message.author)
        copied = term.field == "cc"
        return lambda item: any(is_meant(one) for one in item.message.recipients if bool(one.role) is copied)
    words = words_of(term.text)
    if term.field == "subject":
        return lambda item: contains(folded(item.message.subject), words)
    if term.field == "body":
        return lambda item: contains(folded(item.message.text), words)
    return lambda item: contains(folded(item.message.subject), words) or contains(folded(item.message.text), words)


def address_predicate(text: str) -> Callable[[Address], bool]:
    """Return what tells whether an address is meant by the value of `from:`, `to:` or `cc:`.

    `a@b.c` is that address, `@b.c` every address of the domain and of those below it, all else words of the name or
    of the address.
    """
    value = folded(text.strip())
    local, at, domain = value.rpartition("@")
    if at and domain and " " not in value:
        if local:
            return lambda address: folded(address.value) == value
        return lambda address: _is_of_domain(address, domain)
    words = words_of(text)
    return lambda address: contains(folded(address.name), words) or contains(folded(address.value), words)


def _is_of_domain(address: Address, domain: str) -> bool:
    if address.kind is not IdentityKind.EMAIL:
        return False
    found = folded(address.value).rpartition("@")[2]
    return found == domain or found.endswith(f".{domain}")


def _named(term: Named) -> Predicate:
    value = term.value
    match term.field:
        case "label":
            return lambda item: _any_is(item.message.labels, value)
        case "channel":
            wanted = value.strip().removeprefix("#")
            return lambda item: same(item.message.channel.strip().removeprefix("#"), wanted)
        case "source":
            return lambda item: any(same(place.name, value) or same(place.kind, value) for place in item.places)
        case "org":
            wanted = value.strip().removeprefix("@")
            return lambda item: (
                item.message.author is not None and _is_named(organization_domain(item.message.author), wanted)
            )
        case "status" | "priority":
            return lambda item: is_value(item.message.extra.get(term.field), value)
        case "lang":
            return lambda item: _is_below(item.message.language, value, "-")
        case "kind":
            return lambda item: _is_named(item.findings.kind, value)
        case "category":
            return lambda item: _is_below(item.findings.category, value, " / ")
        case "state":
            return lambda item: _is_named(item.findings.state, value)
        case _:
            assert_never(term.field)


def _flag(term: Flag) -> Predicate:
    match term.name:
        case "attachment":
            return lambda item: any(not part.inline for part in item.message.attachments)
        case "bot":
            return lambda item: item.message.is_bot
        case "internal":
            return lambda item: (
                item.message.visibility is Visibility.INTERNAL or item.message.direction is Direction.INTERNAL
            )
        case "auto":
            return lambda item: item.message.automatic is not None
        case _:
            assert_never(term.name)


def _time(is_after: bool, moment: datetime) -> Predicate:
    def is_on_side(item: Item) -> bool:
        at = item.message.occurred_at
        return at is not None and (at >= moment) is is_after

    return is_on_side


def _measured(term: Measure) -> Predicate:
    compare = COMPARISONS[term.comparison]

    def holds(item: Item) -> bool:
        found = (item.findings.numbers or {}).get(term.field)
        return found is not None and compare(found, term.number)

    return holds


def is_value(found: object, value: str) -> bool:
    """Tell whether a provider's field has a value: a text, a number, yes or no; of a list, any of them."""
    if isinstance(found, list | tuple):
        return any(same(text, value) for part in found if (text := _scalar(part)) is not None)
    text = _scalar(found)
    return text is not None and same(text, value)


def _scalar(found: object) -> str | None:
    """Return a value as JSON writes it, without an exponent."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, float):
        return format(Decimal(repr(found)), "f")
    return str(found) if isinstance(found, str | int) else None


def _any_is(names: Iterable[str], value: str) -> bool:
    return any(same(name, value) for name in names)


def _is_named(name: str, value: str) -> bool:
    return name != "" and same(name, value)


def _is_below(name: str, value: str, separator: str) -> bool:
    found, wanted = folded(name.strip()), folded(value.strip())
    return found != "" and (found == wanted or found.startswith(wanted + separator))
