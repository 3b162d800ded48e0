"""Filters of tenants: patterns in linear time, trees bounded in depth and size."""

import json
from typing import Any

import pytest

from opsintel.errors import FilterError
from opsintel.events.message import CanonicalMessage, Kind
from opsintel.filters.document import document_of, tree_of
from opsintel.filters.evaluate import Item, matches, predicate
from opsintel.filters.parse import parse
from opsintel.filters.patterns import compiled
from opsintel.filters.syntax import MAXIMUM_DEPTH, MAXIMUM_TERMS, And, Flag, Node, Not, Or
from opsintel.filters.text import written
from tests.filters.strategies import NOW

# Each takes a backtracking engine longer than the age of the universe on the text below.
EXPLODING = ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "(.*a){25}$", "([a-z]+)*=", "(a*)*b"]
NEEDS_BACKTRACKING = [r"(a)\1", "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(?>a)b", r"(?P<n>a)(?P=n)", r"\g<1>"]
TOO_LARGE = ["a{5000}", "((a{100}){100}){100}", "a" * 1001, r"\p{L}{900}"]


@pytest.mark.parametrize("pattern", EXPLODING)
def test_check_50_patterns_take_linear_time(pattern: str) -> None:
    text = "a" * 100_000 + "!"
    item = Item(CanonicalMessage(native_id="1", kind=Kind.EMAIL, subject=text, text=text))
    # Done at all is done in linear time: the session's time-out ends what backtracks.
    assert isinstance(matches(parse(f"/{pattern}/"), item, NOW), bool)


@pytest.mark.parametrize("pattern", NEEDS_BACKTRACKING)
def test_check_50_what_needs_backtracking_is_refused(pattern: str) -> None:
    with pytest.raises(FilterError):
        parse(f"/{pattern}/")
    with pytest.raises(FilterError):
        tree_of({"version": 1, "tree": {"op": "pattern", "pattern": pattern}})


@pytest.mark.parametrize("pattern", TOO_LARGE, ids=range(len(TOO_LARGE)))
def test_check_50_patterns_are_bounded_in_size(pattern: str) -> None:
    with pytest.raises(FilterError):
        compiled(pattern)


@pytest.mark.parametrize("text", ["(" * 9000, "(" * 3000 + "a" + ")" * 3000, "-" * 7000 + "a", "NOT " * 1900 + "a",
                                  "from:" + "(" * 3000 + "a" + ")" * 3000], ids=range(5))  # fmt: skip
def test_check_51_deep_texts_are_errors(text: str) -> None:
    with pytest.raises(FilterError, match="nested|characters"):
        parse(text)


def deep(levels: int, op: str) -> Any:
    node: Any = {"op": "flag", "name": "bot"}
    for _ in range(levels):
        node = (
            {"op": "not", "part": node} if op == "not" else {"op": op, "parts": [node, {"op": "flag", "name": "auto"}]}
        )
    return {"version": 1, "tree": node}


@pytest.mark.parametrize("op", ["not", "and", "or"])
@pytest.mark.parametrize("levels", [45, 20_000])
def test_check_51_deep_json_is_an_error(op: str, levels: int) -> None:
    with pytest.raises(FilterError):
        tree_of(deep(levels, op))


@pytest.mark.parametrize("bracket", ['{"op":"not","part":', "[", '{"tree":'])
def test_check_51_deep_json_text_is_an_error(bracket: str) -> None:
    with pytest.raises(FilterError):
        tree_of('{"version": 1, "tree": ' + bracket * 3_000)


@pytest.mark.parametrize(
    "use", [written, document_of, lambda tree: predicate(tree, NOW)], ids=["text", "json", "predicate"]
)
@pytest.mark.parametrize("kind", [And, Or])
def test_check_51_a_deep_tree_that_was_built_is_an_error(use: Any, kind: Any) -> None:
    tree: Node = Flag("bot")
    for _ in range(5_000):
        tree = kind((Not(tree),))
    with pytest.raises(FilterError, match="nested"):
        use(tree)


def test_check_51_terms_are_bounded() -> None:
    assert parse("a " * MAXIMUM_TERMS)
    with pytest.raises(FilterError, match="terms"):
        parse("a " * (MAXIMUM_TERMS + 1))
    parts = [{"op": "flag", "name": "bot"}] * (MAXIMUM_TERMS + 1)
    with pytest.raises(FilterError, match="terms"):
        tree_of({"version": 1, "tree": {"op": "or", "parts": parts}})
    with pytest.raises(FilterError, match="terms"):
        tree_of({"version": 1, "tree": {"op": "or", "parts": [{}] * 100_000}})


@pytest.mark.parametrize("text", ["a" * 501, f"gmail:{{{'a' * 2001}}}", f"/{'a' * 1001}/", "a " * 4001], ids=range(4))
def test_check_51_values_are_bounded(text: str) -> None:
    with pytest.raises(FilterError, match="more than"):
        parse(text)


def test_check_51_the_widest_and_deepest_filter_is_used_both_ways() -> None:
    text = "-(a OR " * (MAXIMUM_DEPTH // 2) + "b" + ")" * (MAXIMUM_DEPTH // 2)
    tree = parse(text)
    assert tree_of(json.dumps(document_of(tree))) == parse(written(tree)) == tree
