"""The text form and the JSON form: the same tree both ways, and errors that point at the character."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsintel.errors import FilterError
from opsintel.filters.document import document_of, tree_of
from opsintel.filters.parse import parse
from opsintel.filters.syntax import (
    EVERYTHING,
    PROVIDERS,
    And,
    Flag,
    Measure,
    Named,
    Not,
    Or,
    Pattern,
    Raw,
    Words,
    conjunction,
)
from opsintel.filters.terms import MEANINGS
from opsintel.filters.text import written
from tests.filters.strategies import blocks, trees

A, B, C = (Words("any", name) for name in "abc")


def error_of(text: str) -> FilterError | None:
    try:
        parse(text)
    except FilterError as error:
        return error
    return None


class TestReading:
    @pytest.mark.parametrize(
        ("text", "tree"),
        [
            ("", EVERYTHING),
            ("  ", EVERYTHING),
            ("a b", And((A, B))),
            ("a AND b", And((A, B))),
            ("a OR b", Or((A, B))),
            ("a OR b c", Or((A, And((B, C))))),
            ("(a OR b) c", And((Or((A, B)), C))),
            ("((a)) (b c)", And((A, B, C))),
            ("-a NOT b --c", And((Not(A), Not(B), C))),
            ("-(a b)", Not(And((A, B)))),
            ("or", Words("any", "or")),
            ('"OR"', Words("any", "OR")),
            ('"a \\"b\\" \\\\ c"', Words("any", 'a "b" \\ c')),
            ("FROM:a@b.c", Words("from", "a@b.c")),
            ('subject:"two words"', Words("subject", "two words")),
            ("from:(a OR -b)", Or((Words("from", "a"), Not(Words("from", "b"))))),
            ("has:attachment is:bot", And((Flag("attachment"), Flag("bot")))),
            ("/E\\d+/ /a\\/b/i", And((Pattern("E\\d+"), Pattern("a/b", ignore_case=True)))),
            ("severity:<=2 sentiment:negative", And((Measure("severity", "<=", 2), Measure("sentiment", "=", -1)))),
            ("label:a/b:c", Named("label", "a/b:c")),
            ("gmail:{in:{a b}} jql:{x = 1}", And((Raw("gmail", "in:{a b}"), Raw("jira", "x = 1")))),
        ],
        ids=range(21),
    )
    def test_a_text_is_this_tree(self, text: str, tree: object) -> None:
        assert parse(text) == tree

    @pytest.mark.parametrize(
        "text", ["after:2026-01-01", "after:2026/1/1", "after:1767225600", "after:2026-01-01T00:00:00Z",
                 "after:2026-01-01T01:00+01:00"]
    )  # fmt: skip
    def test_a_day_is_written_in_these_ways(self, text: str) -> None:
        assert written(parse(text)) == "after:2026-01-01"

    @given(trees(), st.lists(blocks(), max_size=2))
    def test_what_is_written_is_read_as_the_same_tree(self, tree: Any, raw: Any) -> None:
        whole = conjunction([tree, *raw])
        assert parse(written(whole)) == whole

    @given(trees(), st.lists(blocks(), max_size=2))
    def test_the_json_form_is_the_same_tree(self, tree: Any, raw: Any) -> None:
        whole = conjunction([tree, *raw])
        assert tree_of(json.dumps(document_of(whole))) == whole

    @given(st.text(alphabet='ab:"()-/\\{} ORNT[]<=.,+_\n退é', max_size=40))
    def test_any_text_is_a_tree_or_an_error_with_its_place(self, text: str) -> None:
        error = error_of(text)
        if error is None:
            assert parse(written(parse(text))) == parse(text)
        else:
            assert error.position is not None
            assert 0 <= error.position <= len(text)
            assert not text or error.caret().splitlines()[1].endswith("^")


class TestErrors:
    # The caret stands below the character that is wrong.
    @pytest.mark.parametrize(
        ("text", "caret", "says"),
        [
            ("a form:x", "  ^", "Did you mean from:?"),
            ("from:", "     ^", "A value is missing here"),
            ("from: a", "     ^", "A value is missing here"),
            ("a (b", "  ^", "This bracket is not closed"),
            ("a) b", " ^", "no bracket that this one closes"),
            ("a OR", "    ^", "A term is missing at the end"),
            ("OR a", "^", "A term is missing before OR"),
            ("a OR AND b", "     ^", "A term is missing before AND"),
            ("()", " ^", "A term is missing here"),
            ('a "b', "  ^", "This quote is not closed"),
            ('from:a"b"', "      ^", "A space is missing here"),
            ("a - b", "  ^", "without a space"),
            ("a /b", "  ^", "no / at its end"),
            ("a /(b/", "   ^", "no regular expression"),
            ("/a/x", "   ^", "The only mark"),
            ("/a(b)\\1/", "     ^", "needs backtracking"),
            ("a /x(?=b)/", "    ^", "needs backtracking"),
            ("!!", "^", "no letter and no digit"),
            ("a has:file", "      ^", "has: takes attachment"),
            ("is:open", "   ^", "is: takes bot or internal or auto"),
            ("after:2026-02-30", "      ^", "no such day"),
            ("before:soon", "       ^", "Write a day as"),
            ("newer_than:7", "           ^", "h, d, w, m"),
            ("newer_than:0d", "           ^", "h, d, w, m"),
            ("severity:high", "         ^", "takes a number"),
            ("sentiment:sad", "          ^", "very_negative"),
            ("from:(a subject:b)", "        ^", "its values only"),
            ("field:x", "^", "field[name]"),
            ("field[]:x", "^", "name of a field"),
            ("gmail:x", "      ^", "gmail:{…}"),
            ("gmail:{a", "      ^", "This brace is not closed"),
            ("a gmail:{(b}", "         ^", "This ( is not closed"),
            ("jql:{a = 'b}", "         ^", "This quote is not closed"),
            ("jql:{a = b ORDER  BY c}", "           ^", "orders"),
            ("jql:{a = b) OR (c = d}", "          ^", "no bracket"),
            ("imap:{FROM}", "      ^", "FROM needs a text"),
            ("imap:{SEEN OR SEEN}", "                  ^", "missing at the end"),
            ("imap:{OR (SEEN OR) SEEN}", "                 ^", "missing here"),
            ("imap:{SINCE 2026-01-01}", "            ^", "SINCE needs a date"),
            ("imap:{SUBJECT größe}", "                ^", "ASCII only"),
            ('imap:{FROM "a\nb"}', "             ^", "line end"),
            ("a OR jql:{b = c}", "         ^", "cannot stand under"),
            ("-gmail:{b}", "       ^", "cannot stand under"),
        ],
        ids=range(43),
    )
    def test_the_caret_points_at_the_character(self, text: str, caret: str, says: str) -> None:
        with pytest.raises(FilterError) as caught:
            parse(text)
        assert caught.value.caret() == f"{text.replace(chr(10), ' ')}\n{caret}"
        assert says in caught.value.line()
        assert f"character {len(caret)}" in caught.value.line()

    def test_a_long_text_is_shown_around_the_place(self) -> None:
        with pytest.raises(FilterError) as caught:
            parse("word " * 100 + "form:x " + "word " * 100)
        shown, caret = caught.value.caret().splitlines()
        assert len(shown) <= 80
        assert shown[caret.index("^") :].startswith("form:x")

    @pytest.mark.parametrize(
        ("tree", "place"),
        [
            ({"op": "words", "field": "author", "text": "a"}, "tree.field"),
            ({"op": "and", "parts": [{"op": "flag", "name": "bot"}, {"op": "flag", "name": "x"}]}, "tree.parts.1.name"),
            ({"op": "not", "part": {"op": "words", "field": "any", "text": "!"}}, "tree.part"),
            ({"op": "or", "parts": []}, "tree"),
            ({"op": "named", "field": "label", "value": "a\u0000"}, "tree"),
            ({"op": "named", "field": "label", "value": "\ud800"}, "tree"),
            ({"op": "named", "field": "label", "value": "a", "more": 1}, "tree.more"),
            ({"op": "moment", "side": "after", "at": "2026-01-01T00:00:00"}, "tree"),
            ({"op": "pattern", "pattern": "(a"}, "tree"),
            ({"op": "not", "part": {"op": "raw", "provider": "gmail", "query": "a"}}, "tree"),
            ({"op": "raw", "provider": "jira", "query": "a ORDER BY b"}, "tree"),
            ({"op": "other"}, "tree"),
        ],
        ids=range(12),
    )
    def test_what_is_wrong_in_json_has_its_path(self, tree: Any, place: str) -> None:
        with pytest.raises(FilterError) as caught:
            tree_of({"version": 1, "tree": tree})
        assert caught.value.path == place

    @pytest.mark.parametrize("document", ["{", "[]", '{"tree": {}}', '{"version": 2, "tree": {}}', b"\xff"])
    def test_what_is_no_document_is_refused(self, document: str | bytes) -> None:
        with pytest.raises(FilterError):
            tree_of(document)


class TestDocumentation:
    PAGE = "docs/filters.md"

    @pytest.mark.parametrize("key", MEANINGS)
    def test_each_term_is_described(self, key: str, pytestconfig: pytest.Config) -> None:
        page = (pytestconfig.rootpath / self.PAGE).read_text()
        assert f"`{'field[name]' if key == 'field' else key}:" in page

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_each_provider_has_its_column(self, provider: str, pytestconfig: pytest.Config) -> None:
        assert provider in (pytestconfig.rootpath / self.PAGE).read_text().lower()
