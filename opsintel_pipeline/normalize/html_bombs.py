"""HTML that would cost a parser memory or time out of proportion: recognised, and read without a tree.

By the HTML standard every block looks through all elements that are open, and every paragraph rebuilds all formatting
elements that were not closed: a page of a megabyte can ask for millions of elements and billions of steps.
"""

from __future__ import annotations

import re
from html import unescape

from opsintel_pipeline.normalize.text import clean, tidy

_HARMLESS = 800
"""Tags below which nothing can go wrong."""
_DEPTH_LIMIT = 1_500
_REBUILT_LIMIT = 2_000_000
_ATTRIBUTES_LIMIT = 1_000

_TAG_NAME = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_FORMATTING = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)
# Elements without content, and those that the next of their kind closes.
_SHALLOW = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
    + ["p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "colgroup"]
)  # fmt: skip
_LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{5000,}")
_UNSEEN = re.compile(r"<(script|style|title|head)\b", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")
_BREAKING_TAG = re.compile(r"</?(?:p|div|br|tr|li|h[1-6]|table|ul|ol|blockquote|pre|hr)\b[^<>]*>", re.IGNORECASE)


def is_bomb(html: str) -> bool:
    """Tell whether a tree of this page would be out of proportion to its text."""
    if any(
        found.group().count("=") + len(found.group().split()) > _ATTRIBUTES_LIMIT for found in _LONG_TAG.finditer(html)
    ):
        return True
    if html.count("<") < _HARMLESS:
        return False
    depth = deepest = formatting = most_formatting = tags = 0
    for closing, name in _TAG_NAME.findall(html):
        name = name.lower()
        tags += 1
        step = -1 if closing else 1
        if name in _FORMATTING:
            formatting = max(0, formatting + step)
            most_formatting = max(most_formatting, formatting)
        elif name not in _SHALLOW:
            depth = max(0, depth + step)
            deepest = max(deepest, depth)
    return deepest + most_formatting > _DEPTH_LIMIT or most_formatting * tags > _REBUILT_LIMIT


def without_tags(html: str) -> str:
    """Return the text of a page by leaving out its tags; a block's tag becomes a line break."""
    pieces: list[str] = []
    position = 0
    while found := _UNSEEN.search(html, position):
        pieces.append(html[position : found.start()])
        end = html.lower().find(f"</{found.group(1).lower()}", found.end()) if len(pieces) < 100 else -1
        if end < 0:
            position = found.end()
            break
        position = end
    pieces.append(html[position:])
    text = _ANY_TAG.sub("", _BREAKING_TAG.sub("\n", "".join(pieces)))
    return tidy(clean(unescape(text)))
