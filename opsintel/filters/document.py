"""The JSON form of filters: `{"version": 1, "tree": {"op": …}}`, checked before anything is made of it.

Its size and depth are measured without recursion first; then pydantic reads it, and each term is held to the rules of
the text form. What is wrong is told with its path, as `tree.parts.2.value`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from opsintel.errors import FilterError
from opsintel.filters.parse import BLOCK_MISPLACED, BLOCK_REMEDY
from opsintel.filters.patterns import compiled, unslashed
from opsintel.filters.raw import check_raw
from opsintel.filters.syntax import (
    EVERYTHING,
    KINDS,
    MAXIMUM_DEPTH,
    MAXIMUM_LENGTH,
    MAXIMUM_TERMS,
    VERSION,
    Age,
    And,
    Custom,
    Measure,
    Moment,
    Named,
    Node,
    Not,
    Or,
    Pattern,
    Raw,
    Words,
    bounded,
    misplaced_block,
    tidy,
)
from opsintel.filters.terms import (
    EARLIEST,
    LATEST,
    MAXIMUM_AMOUNT,
    MAXIMUM_NUMBER,
    checked_value,
    custom_term,
    words_term,
)

_LEVELS = 2 * MAXIMUM_DEPTH + 4
"""Containers within each other of the deepest tree: each node is an object, and its parts a list."""
_VALUES = 8 * MAXIMUM_TERMS * 4
"""Values in all: a node has at most five, and there are fewer groups and negations than four times the terms."""


def tree_of(document: str | bytes | Mapping[str, Any]) -> Node:
    """Return the tree of a JSON document. Raises `FilterError` with the path of what is wrong."""
    if isinstance(document, str | bytes):
        if len(document) > 8 * MAXIMUM_LENGTH:
            raise FilterError(f"The filter has more than {8 * MAXIMUM_LENGTH} bytes")
        try:
            document = from_json(document, allow_inf_nan=False)
        except ValueError as error:
            raise FilterError(f"The filter is no JSON document: {error}") from error
    _measure(document)
    if not isinstance(document, Mapping) or set(document) != {"version", "tree"}:
        raise FilterError("The document of a filter has `version` and `tree`, and nothing else")
    if document["version"] != VERSION or isinstance(document["version"], bool):
        raise FilterError(f"The version of a filter's tree is {VERSION}", path="version")
    try:
        node: Node = _adapter().validate_python(document["tree"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise FilterError(str(first["msg"]), path=_path(first["loc"])) from None
    tree = bounded(tidy(_checked(node, "tree", is_root=True)))
    if misplaced_block(tree):
        raise FilterError(BLOCK_MISPLACED, remedy=BLOCK_REMEDY, path="tree")
    return tree


def document_of(node: Node) -> dict[str, Any]:
    """Return the JSON document of a tree, as values that `json.dumps` takes."""
    return {"version": VERSION, "tree": _adapter().dump_python(bounded(node), mode="json")}


@cache
def _adapter() -> TypeAdapter[Any]:
    """Return what reads and writes a node; the classes name each other, so that it is made when it is first used."""
    for kind in KINDS:
        kind.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return TypeAdapter(Node)


def _measure(document: object) -> None:
    """Raise `FilterError` where there is more in a document than a filter can hold."""
    stack, values = [(document, 0)], 0
    while stack:
        value, level = stack.pop()
        values += 1
        if level > _LEVELS:
            raise FilterError(f"The filter is nested deeper than {MAXIMUM_DEPTH}")
        if values > _VALUES:
            raise FilterError(f"The filter has more than {MAXIMUM_TERMS} terms")
        if isinstance(value, Mapping):
            stack.extend((part, level + 1) for part in value.values())
        elif isinstance(value, list | tuple):
            stack.extend((part, level + 1) for part in value)


def _path(location: tuple[int | str, ...]) -> str:
    """Return the path without the names of the alternatives that pydantic tried."""
    alternatives = {name for kind in KINDS for name in (kind.__name__, kind.__name__.lower())}
    return ".".join(["tree", *(str(part) for part in location if part not in alternatives)])


def _checked(node: Node, path: str, *, is_root: bool = False) -> Node:
    """Return a node whose values are those that the text form can hold."""
    if isinstance(node, And | Or):
        if not node.parts and not (is_root and node == EVERYTHING):
            raise FilterError("A group has at least one part", path=path)
        parts = tuple(_checked(part, f"{path}.parts.{place}") for place, part in enumerate(node.parts))
        return type(node)(parts)
    if isinstance(node, Not):
        return Not(_checked(node.part, f"{path}.part"))
    try:
        return _checked_term(node)
    except FilterError as error:
        raise FilterError(error.message, remedy=error.remedy, path=path) from None


def _checked_term(node: Node) -> Node:
    if isinstance(node, Words):
        return words_term(node.field, node.text)
    if isinstance(node, Named):
        checked_value(node.value)
    elif isinstance(node, Custom):
        custom_term(node.name, node.value)
    elif isinstance(node, Moment):
        return Moment(node.side, _moment(node.at))
    elif isinstance(node, Age) and not 0 < node.amount <= MAXIMUM_AMOUNT:
        raise FilterError(f"An age is from 1 to {MAXIMUM_AMOUNT}")
    elif isinstance(node, Pattern):
        checked_pattern = unslashed(node.pattern)
        if not node.pattern or not node.pattern.isprintable():
            raise FilterError("An expression is not empty and holds no control character")
        compiled(node.pattern, node.ignore_case)
        return Pattern(checked_pattern, node.ignore_case)
    elif isinstance(node, Measure) and abs(node.number) > MAXIMUM_NUMBER:
        raise FilterError("The number is too large")
    elif isinstance(node, Raw):
        check_raw(node.provider, node.query)
    return node


def _moment(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise FilterError("A moment names its zone, as 2026-01-31T12:00:00Z")
    at = at.astimezone(UTC).replace(microsecond=0)
    if not EARLIEST <= at <= LATEST:
        raise FilterError(f"Moments are those from {EARLIEST.date()} to {LATEST.date()}")
    return at
