"""Splits a body into new text, quoted text and signature; every line lands in exactly one of the three.

All rules look at one line, or at a bounded number of lines around it, and at a bounded length: the time is linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from opsintel.events.message import Address
from opsintel_pipeline.normalize import signatures
from opsintel_pipeline.normalize.html import QUOTE, QUOTE_REST, SIGNATURE
from opsintel_pipeline.normalize.phrases import (
    ABOVE_THIS_LINE,
    FORWARD_SUBJECT,
    FORWARDED,
    HEADER_WORDS,
    ORIGINAL,
    STARTS,
    WROTE,
)
from opsintel_pipeline.normalize.signatures import NEW, QUOTED, SIGNED, Author
from opsintel_pipeline.normalize.text import tidy

LINES_LIMIT = 20_000
"""Lines that are looked at; what follows stays with the last of them."""
_LINE_LIMIT = 400
_WINDOW = 4
_HEADER_WINDOW = 14
_NAME_LIMIT = 40
_MARKS = frozenset({QUOTE, QUOTE_REST, SIGNATURE})

_MOMENT = re.compile(r"\d{1,2}[:.h]\d{2}|\b(?:19|20)\d{2}|@|\d{1,2}[./]\d{1,2}")
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}|\b(?:19|20)\d{2}")
_DATE_FIRST = re.compile(r"[\s*_\"(]*(?:\d|\w{2,11}[.,]? {1,2}\d|\w{2,11}[.,]? \w{2,11} \d)")
_MAILBOX_AND_COLON = re.compile(r"<?[^\s<>@]{1,80}@[^\s<>@]{1,120}>?\)?\s*[:\uff1a][*_]?\Z")
_RULE = re.compile(r"[\s*_=\-\u2014\u2500~]{3,}\Z")
_QUOTED_LINE = re.compile(r"[ \t\xa0]{0,3}>")


@dataclass(frozen=True, slots=True)
class Body:
    """The three texts of a body."""

    text: str
    quoted: str
    signature: str


def split_body(marked: str, *, subject: str = "", author: Address | None = None) -> Body:
    """Return new text, quoted text and signature of a body, which may carry the marks of `html_to_text`.

    A forwarded message is content and stays in the new text, and so does an answered one with nothing above it.
    """
    lines = marked.split("\n", LINES_LIMIT)
    kinds = kinds_of(lines, subject=subject, author=author)
    texts: list[list[str]] = [[], [], []]
    for line, kind in zip(lines, kinds, strict=True):
        texts[kind].append(line[1:] if line[:1] in _MARKS else line)
    new, quoted, signature = (tidy("\n".join(part)) for part in texts)
    return Body(new, quoted, signature)


def kinds_of(lines: list[str], *, subject: str = "", author: Address | None = None) -> list[int]:
    """Return what each line is: `NEW`, `QUOTED` or `SIGNED`."""
    kinds = _kinds(lines, forward=bool(FORWARD_SUBJECT.match(subject)))
    signatures.mark(lines, kinds, Author.of(author))
    return kinds


def _kinds(lines: list[str], *, forward: bool) -> list[int]:
    """Return what each line is, with no signatures but those that HTML marks."""
    kinds = [NEW] * len(lines)
    first_text = len(lines)
    for position, line in enumerate(lines):
        if line[:1] == QUOTE or _QUOTED_LINE.match(line):
            kinds[position] = QUOTED
        elif line[:1] == SIGNATURE:
            kinds[position] = SIGNED
        elif line and not line.isspace():
            divider = _divider(lines, position)
            if divider:
                # A forwarded message, or an answered one with nothing above it: all of it is content.
                if divider == "quote" and first_text < position and not forward:
                    _quote_rest(lines, kinds, position)
                break
            start = _introduction(lines, kinds, position)
            if start is not None:
                if _is_followed_by_quote(lines, position):
                    kinds[start : position + 1] = [QUOTED] * (position + 1 - start)
                    first_text = len(lines) if first_text >= start else first_text
                    continue
                if first_text < start and not forward and _is_strong(lines, start, position):
                    _quote_rest(lines, kinds, start)
                    break
            if first_text > position and not _is_rule(line):
                first_text = position
    return kinds


def _quote_rest(lines: list[str], kinds: list[int], position: int) -> None:
    """Make everything from `position` on quoted text, with the rule that stands right above it."""
    while position > 0 and kinds[position - 1] == NEW and (not lines[position - 1] or _is_rule(lines[position - 1])):
        position -= 1
    kinds[position:] = [QUOTED] * (len(lines) - position)


def _divider(lines: list[str], position: int) -> str:
    """Return `forward` or `quote` where an earlier message begins at this line, else ''."""
    line = lines[position]
    if line[0] == QUOTE_REST:
        return "quote"
    if len(line) > _LINE_LIMIT:
        return ""
    if line[0] in "-_=*#\u2014\u2500>~ " or line[-1] in ":\uff1a- ":
        core = line.strip(" \t\xa0-_=*#~\u2014\u2500:\uff1a").lower()
        if core in FORWARDED:
            return "forward"
        if core in ORIGINAL:
            return "quote"
        if line[0] in "#-=*_\u2014" and ABOVE_THIS_LINE.search(line):
            return "quote"
    return "quote" if _field(line) and _is_header_block(lines, position) else ""


def _is_rule(line: str) -> bool:
    return len(line) <= _LINE_LIMIT and _RULE.match(line) is not None


def _field(line: str) -> str:
    """Return what a line of a header block holds (from, date, to, ...), '' where it is no such line."""
    head = line[:_NAME_LIMIT].replace("\uff1a", ":")
    colon = head.find(":")
    return HEADER_WORDS.get(head[:colon].strip(" \t*_\xa0|\u200e\u200f").lower(), "") if colon > 0 else ""


def _is_header_block(lines: list[str], position: int) -> bool:
    """Tell whether the lines from `position` on are the header fields of an answered message."""
    found: set[str] = set()
    foreign = 0
    for line in lines[position : position + _HEADER_WINDOW]:
        if not line or line.isspace():
            continue
        name = _field(line)
        if name:
            found.add(name)
        else:
            foreign += 1
            if foreign > 2:
                break
    above = next((line for line in reversed(lines[max(0, position - 3) : position]) if line.strip()), "")
    needed = 2 if _is_rule(above) else 3
    return "from" in found and len(found) >= needed


def _introduction(lines: list[str], kinds: list[int], position: int) -> int | None:
    """Return where the words begin that introduce a quote and end at this line ("On ... wrote:"), None for others."""
    if lines[position].rstrip(" \t\xa0*_")[-1:] not in (":", "\uff1a"):
        return None
    joined, weak = "", None
    for start in range(position, max(-1, position - _WINDOW), -1):
        line = lines[start]
        if kinds[start] != NEW or not line.strip() or len(line) > _LINE_LIMIT:
            break
        joined = f"{line.strip()} {joined}"
        begins = STARTS.match(line) is not None and any(character.isdigit() for character in joined[:60])
        if WROTE.search(joined):
            if begins and _MOMENT.search(joined):
                return start
            if weak is None and _MOMENT.search(joined):
                weak = start
        elif begins and _DATE_FIRST.match(line) and _MAILBOX_AND_COLON.search(joined.rstrip()):
            return start
    return weak


def _is_strong(lines: list[str], start: int, position: int) -> bool:
    """Tell whether the introduction alone, with no quote marks after it, shows that the rest is quoted."""
    joined = " ".join(lines[start : position + 1])
    signs = ("@" in joined, STARTS.match(joined) is not None, _CLOCK.search(joined) is not None)
    return sum(signs) >= 2


def _is_followed_by_quote(lines: list[str], position: int) -> bool:
    for line in lines[position + 1 : position + 8]:
        if line and not line.isspace():
            return line[0] == QUOTE or _QUOTED_LINE.match(line) is not None
    return False
