"""Where the messages of an mbox begin and end, found in blocks: memory does not depend on the size of a message.

The format is that of RFC 4155 and its relatives mboxo and mboxrd: a message begins with a line `From sender date`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from opsintel.connectors.files.growing import BLOCK, GrowingFile

_LINE_LIMIT = 1000
# Bytes behind a candidate that are enough to judge it: its line and the beginning of the next.
_LOOK_AHEAD = _LINE_LIMIT + 200
_LOOK_BEHIND = 4
_LEADING_LIMIT = 4096
_DAY = re.compile(rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b")
_CLOCK = re.compile(rb"\b\d{1,2}:\d\d\b")
_YEAR = re.compile(rb"\b\d{4}\b")
_FIELD = re.compile(rb">?From |[!-9;-~]{1,76}[ \t]*:")
# The form that nearly all writers use: sender, then the time as C's asctime writes it.
_USUAL = re.compile(rb"From \S+ +[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d(?::\d\d)? [^\n]{0,40}\d{4}")
_QUOTED_SEPARATOR = re.compile(rb"\n>(>*From )")


def first_line(file: GrowingFile, start: int) -> int:
    """Return the offset of the first line from `start` on that is not blank, nor a byte order mark."""
    leading = file.read_at(start, _LEADING_LIMIT)
    return start + len(leading) - len(leading.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))


class Separator(NamedTuple):
    """A `From ` line: where it begins, where the mail behind it does, and the bytes of the blank line before it."""

    begin: int
    body: int
    blank: int


def separators(file: GrowingFile, start: int) -> Iterator[Separator]:
    """Yield the `From ` lines from `start` on, which is the beginning of a line; at the end one for the file's end."""
    opening = first_line(file, 0)
    position = max(0, start - _LOOK_BEHIND)
    window = b""
    # One byte back, to see the line end before the first candidate.
    searched = start - position - 1
    while True:
        window += file.read_at(position + len(window), BLOCK)
        at_end = position + len(window) >= file.size
        safe = len(window) if at_end else len(window) - _LOOK_AHEAD
        for candidate in _candidates(window, searched, safe, opening - position):
            line_end = _separator_end(window, candidate, opens=position + candidate == opening)
            if line_end:
                yield Separator(position + candidate, position + line_end, _blank_before(window, candidate))
        if at_end:
            yield Separator(file.size, file.size, _blank_before(window, len(window)))
            return
        keep = max(0, safe - _LOOK_BEHIND)
        window = window[keep:]
        position += keep
        searched = safe - keep - 1


def unquoted(message: bytes) -> bytes:
    """Return a message with the `>` taken off lines that would have looked like separators (mboxrd)."""
    return _QUOTED_SEPARATOR.sub(rb"\n\1", message) if b">From " in message else message


def _candidates(window: bytes, start: int, safe: int, opening: int) -> Iterator[int]:
    if opening > start and opening >= 0 and window.startswith(b"From ", opening):
        yield opening
        start = opening
    found = window.find(b"\nFrom ", max(0, start))
    while 0 <= found < safe - 1:
        yield found + 1
        found = window.find(b"\nFrom ", found + 5)


def _separator_end(window: bytes, at: int, *, opens: bool) -> int:
    """Return the offset behind a separator line, 0 where the line is text of a message that was not quoted.

    Some writers leave out the blank line before it, some the date in it; a line that lacks both is text.
    """
    newline = window.find(b"\n", at, at + _LINE_LIMIT)
    if newline < 0:
        if len(window) - at > _LINE_LIMIT:
            return 0
        newline = len(window) - 1
    if opens:
        return newline + 1
    follows_blank = _blank_before(window, at) > 0
    if follows_blank and _USUAL.match(window, at):
        return newline + 1
    line = window[at + 5 : newline + 1]
    precedes_field = _FIELD.match(window, newline + 1) is not None
    has_clock = _CLOCK.search(line) is not None
    if has_clock and _DAY.search(line) and _YEAR.search(line):
        return newline + 1 if follows_blank or precedes_field else 0
    return newline + 1 if follows_blank and precedes_field and (has_clock or not line.strip()) else 0


def _blank_before(window: bytes, at: int) -> int:
    """Return the bytes of a blank line that ends here, 0 where there is none."""
    if window.endswith(b"\n\n", 0, at):
        return 1
    return 2 if window.endswith(b"\n\r\n", 0, at) else 0
