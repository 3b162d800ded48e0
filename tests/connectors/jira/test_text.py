"""Documents of Atlassian become text."""

from __future__ import annotations

from typing import Any

import pytest

from opsintel.connectors.jira.adf import DEPTH_LIMIT, adf_to_text


def node(kind: str, *content: Any, **attributes: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "attrs": attributes,
        "content": [words(one) if isinstance(one, str) else one for one in content],
    }


def words(text: str, **mark: Any) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"marks": [{"type": "link", "attrs": mark}]} if mark else {})


def text_of(*blocks: Any) -> str:
    return adf_to_text({"type": "doc", "version": 1, "content": list(blocks)}).text


PARAGRAPH = node("paragraph", "One")


class TestBlocks:
    def test_paragraphs_and_headings_stand_apart(self) -> None:
        blocks = [node("heading", "Lamp", level=2), node("paragraph", "a", node("hardBreak"), "b"), PARAGRAPH]
        assert text_of(*blocks) == "Lamp\n\na\nb\n\nOne"

    @pytest.mark.parametrize(
        ("block", "expected"),
        [
            (node("panel", node("paragraph", "Mind the step"), panelType="warning"), "Mind the step"),
            (node("codeBlock", "> a\n-- \nb", language="sh"), "    > a\n    --\n    b"),
            (node("blockquote", node("paragraph", "x", node("hardBreak"), "y")), "> x\n> y"),
            (node("expand", node("paragraph", "inner"), title="More"), "More\ninner"),
            (node("mediaSingle", node("media", id="7", type="file", alt="photo.png")), "photo.png"),
            (node("layoutSection", node("layoutColumn", PARAGRAPH), node("layoutColumn", PARAGRAPH)), "One\n\nOne"),
            (node("blockOfTomorrow", PARAGRAPH), "One"),
            (node("extension", text="A macro"), ""),
        ],
        ids=lambda value: value["type"] if isinstance(value, dict) else "",
    )
    def test_blocks_are_read_as_what_they_hold(self, block: dict[str, Any], expected: str) -> None:
        assert text_of(block) == expected

    def test_lists_keep_their_marks_and_depth(self) -> None:
        inner = node("bulletList", node("listItem", node("paragraph", "b")))
        numbered = node("orderedList", node("listItem", node("paragraph", "a"), inner),
                        node("listItem", node("paragraph", "c")), order=3)  # fmt: skip
        assert text_of(numbered) == "3. a\n   - b\n4. c"

    def test_tasks_say_whether_they_are_done(self) -> None:
        tasks = node("taskList", node("taskItem", "buy", state="DONE"), node("taskItem", "mend", state="TODO"),
                     node("taskList", node("taskItem", "paint", state="TODO")))  # fmt: skip
        decided = node("decisionList", node("decisionItem", "We do", state="DECIDED"))
        assert text_of(tasks, decided) == "- [x] buy\n- [ ] mend\n  - [ ] paint\n\n- We do"

    def test_tables_are_a_line_for_each_row(self) -> None:
        names = node("tableRow", node("tableHeader", PARAGRAPH), node("tableHeader", PARAGRAPH))
        cells = node("tableRow", node("tableCell", PARAGRAPH, PARAGRAPH), node("tableCell", PARAGRAPH))
        table = node("table", names, cells)
        assert text_of(table) == "One | One\nOne One | One"


class TestInline:
    @pytest.mark.parametrize(
        ("part", "expected"),
        [
            (node("mention", id="5b10", text="@Ada"), "@Ada"),
            (node("mention", id="5b10", text="Ada"), "@Ada"),
            (node("mention", id="5b10", text=""), "@5b10"),
            (node("emoji", shortName=":grinning:", text="😀"), "😀"),
            (node("emoji", shortName=":our-own:"), ":our-own:"),
            (node("date", timestamp="1582152559000"), "2020-02-19"),
            (node("date", timestamp="soon"), ""),
            (node("status", text="Done", color="green"), "Done"),
            (node("inlineCard", url="https://a.example/1"), "https://a.example/1"),
            (node("inlineCard", data={"url": "https://a.example/2"}), "https://a.example/2"),
        ],
    )
    def test_parts_of_a_line(self, part: dict[str, Any], expected: str) -> None:
        assert text_of(node("paragraph", "see ", part, "!")) == f"see {expected}!"

    def test_targets_of_links_are_kept(self) -> None:
        found = adf_to_text(node("doc", node("paragraph", words("the page", href="https://a.example")),
                                 node("blockCard", url="https://b.example")))  # fmt: skip
        assert found.text == "the page\n\nhttps://b.example"
        assert found.links == [("https://a.example", "the page"), ("https://b.example", "https://b.example")]


class TestHostile:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            "text",
            [],
            {},
            {"type": "doc", "content": [7, None, {"content": 3}]},
            {"type": "doc", "content": [{"type": "text", "text": 5, "marks": 7}]},
        ],
    )
    def test_what_is_no_document_is_no_text(self, value: Any) -> None:
        assert adf_to_text(value).text == ""

    def test_depth_is_bounded(self) -> None:
        deep: dict[str, Any] = PARAGRAPH
        for _ in range(DEPTH_LIMIT * 4):
            deep = node("panel", deep)
        assert text_of(node("paragraph", "above"), deep) == "above"

    def test_number_of_nodes_is_bounded(self) -> None:
        many = [node("paragraph", "x")] * 60_000
        assert 0 < len(text_of(*many)) < 120_000
