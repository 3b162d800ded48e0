"""Lines of a file, with their offsets and a limit on their length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from opsintel.connectors.files.growing import BLOCK, GrowingFile

RECORD_LIMIT = 8 * 1024 * 1024
"""Bytes of one row; a longer one is a failure and is not read into memory."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its line end; `content` is None where it is longer than the limit."""

    start: int
    end: int
    content: bytes | None


def lines(file: GrowingFile, start: int) -> Iterator[Line]:
    """Yield the lines from `start` on, ended by LF; the last may lack its end."""
    window = b""
    position = start
    overlong = False
    while block := file.read_at(position + len(window), BLOCK):
        window += block
        begin = 0
        while newline := window.find(b"\n", begin) + 1:
            yield Line(start, position + newline, None if overlong else window[begin:newline])
            start, begin, overlong = position + newline, newline, False
        window = window[begin:]
        position += begin
        if overlong or len(window) > RECORD_LIMIT:
            overlong = True
            position += len(window)
            window = b""
    if start < file.size:
        yield Line(start, file.size, None if overlong else window)


def is_line_end(file: GrowingFile, offset: int) -> bool:
    """Tell whether a line ends at an offset: before it or, where the last line end was missing, behind it."""
    around = file.read_at(max(0, offset - 1), 3)
    return around.startswith(b"\n") or around[1:] == b"\r\n" or around[1:2] == b"\n"
