"""Atlassian Document Format to text (developer.atlassian.com/cloud/jira/platform/apis/document/structure).

Blocks become paragraphs, lists and tables become lines, code keeps its lines. A node of an unknown type is read as its
content, so that a new kind of block loses no text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

DEPTH_LIMIT = 60
NODES_LIMIT = 50_000
LINKS_LIMIT = 500
_INLINE = frozenset(
    ["text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "mediaInline", "inlineExtension",
     "placeholder"]
)  # fmt: skip
_CARDS = frozenset(["inlineCard", "blockCard", "embedCard"])
_LISTS = frozenset(["bulletList", "orderedList", "taskList", "decisionList"])
_CODE_INDENT = "    "
"""Keeps lines of code apart from what looks alike in prose: quotes, signatures, dividers."""


@dataclass
class AdfText:
    """The text of a document, and its links as (address, shown text)."""

    text: str
    links: list[tuple[str, str]] = field(default_factory=list)


def adf_to_text(document: object) -> AdfText:
    """Return the text of a document; '' for what is none. What lies too deep or behind too many nodes is left out."""
    writer = _Writer()
    lines = writer.block(_Node.of(document), 0) if isinstance(document, dict) else []
    return AdfText("\n".join(line.rstrip() for line in lines).strip("\n"), writer.links)


@dataclass(frozen=True)
class _Node:
    type: str
    attributes: dict[str, Any]
    content: list[Any]
    text: str
    marks: list[Any]

    @classmethod
    def of(cls, value: dict[str, Any]) -> _Node:
        attributes, content, marks = value.get("attrs"), value.get("content"), value.get("marks")
        text = value.get("text")
        return cls(
            str(value.get("type", "")),
            attributes if isinstance(attributes, dict) else {},
            content if isinstance(content, list) else [],
            text if isinstance(text, str) else "",
            marks if isinstance(marks, list) else [],
        )

    def attribute(self, name: str) -> str:
        value = self.attributes.get(name)
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""

    def children(self) -> Iterable[_Node]:
        return (_Node.of(child) for child in self.content if isinstance(child, dict))


class _Writer:
    def __init__(self) -> None:
        self.links: list[tuple[str, str]] = []
        self._nodes = 0

    def block(self, node: _Node, depth: int) -> list[str]:
        """Return the lines of a node that stands in lines of its own."""
        if self._is_too_much(depth):
            return []
        if node.type in _INLINE:
            return self._inline(node).split("\n")
        if node.type in _LISTS:
            return self._list(node, depth)
        if node.type == "codeBlock":
            text = "".join(self._inline(child) for child in node.children())
            return [_CODE_INDENT + line for line in text.split("\n")]
        if node.type == "blockquote":
            return [f"> {line}" for line in self._blocks(node, depth)]
        if node.type == "table":
            return [line for row in node.children() for line in self._row(row, depth + 1)]
        if node.type in _CARDS:
            return [self._card(node)]
        if node.type == "media":
            return [node.attribute("alt")]
        title = [node.attribute("title")] if node.type in ("expand", "nestedExpand") else []
        return title + self._blocks(node, depth)

    def _blocks(self, node: _Node, depth: int) -> list[str]:
        """Return the lines of a node's content: blocks with a blank line between them, runs of inline nodes as one."""
        parts: list[list[str]] = []
        run: list[str] = []

        def end_run() -> None:
            if run:
                parts.append("".join(run).split("\n"))
                run.clear()

        for child in node.children():
            if child.type in _INLINE:
                run.append("" if self._is_too_much(depth) else self._inline(child))
            else:
                end_run()
                parts.append(self.block(child, depth + 1))
        end_run()
        lines: list[str] = []
        for part in parts:
            if any(line.strip() for line in part):
                lines += [*([""] if lines else []), *part]
        return lines

    def _list(self, node: _Node, depth: int) -> list[str]:
        lines: list[str] = []
        number = node.attributes.get("order")
        count = number if isinstance(number, int) else 1
        for child in node.children():
            if child.type in _LISTS:  # a nested list of tasks stands beside the task it belongs to
                lines += [f"  {line}" for line in self.block(child, depth + 1)]
                continue
            mark = f"{count}. " if node.type == "orderedList" else "- "
            if child.type == "taskItem":
                mark = "- [x] " if child.attribute("state") == "DONE" else "- [ ] "
            first, *others = [line for line in self._blocks(child, depth + 1) if line.strip()] or [""]
            lines += [mark + first, *(f"{' ' * len(mark)}{line}" for line in others)]
            count += 1
        return lines

    def _row(self, row: _Node, depth: int) -> list[str]:
        cells = [
            " ".join(line.strip() for line in self._blocks(cell, depth) if line.strip()) for cell in row.children()
        ]
        return [" | ".join(cells)] if any(cells) else []

    def _inline(self, node: _Node) -> str:
        self._nodes += 1
        match node.type:
            case "text":
                return self._linked(node)
            case "hardBreak":
                return "\n"
            case "mention":
                name = node.attribute("text") or node.attribute("id")
                return name if name.startswith("@") else f"@{name}"
            case "emoji":
                return node.attribute("text") or node.attribute("shortName")
            case "date":
                return _day(node.attribute("timestamp"))
            case "inlineCard":
                return self._card(node)
            case "mediaInline":
                return node.attribute("alt")
            case _:
                return node.attribute("text")

    def _linked(self, node: _Node) -> str:
        for mark in node.marks:
            link = _Node.of(mark) if isinstance(mark, dict) else None
            if link is not None and link.type == "link":
                self._link(link.attribute("href"), node.text)
        return node.text

    def _card(self, node: _Node) -> str:
        url = node.attribute("url")
        data = node.attributes.get("data")
        if not url and isinstance(data, dict):
            url = str(data.get("url", ""))
        self._link(url, url)
        return url

    def _link(self, url: str, text: str) -> None:
        if url and len(self.links) < LINKS_LIMIT:
            self.links.append((url, text))

    def _is_too_much(self, depth: int) -> bool:
        self._nodes += 1
        return depth > DEPTH_LIMIT or self._nodes > NODES_LIMIT


def _day(milliseconds: str) -> str:
    """Return the day of a date node: midnight UTC in milliseconds, written as text."""
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
