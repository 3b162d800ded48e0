"""Rows of a CSV file with their offsets (RFC 4180 and what is written in its name).

Delimiter and header come from the first row. A quote that is never closed would swallow the rows behind it: such a row
is given up at its first line, and reading goes on with the next.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from opsintel.connectors.files.growing import GrowingFile
from opsintel.connectors.files.lines import RECORD_LIMIT, Line, lines
from opsintel.errors import ItemError

_DELIMITERS = ",;\t|"

# The module's limit is one for the whole process; rows are limited here by their bytes.
csv.field_size_limit(max(csv.field_size_limit(), RECORD_LIMIT))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values, or why it has none."""

    start: int
    end: int
    values: tuple[str, ...]
    fault: str = ""


def sniff_delimiter(line: bytes) -> str:
    """Return the delimiter that parts a header line into the most columns. Raises `ItemError` for what is no line."""
    text = decoded(line)
    if "\r" in text.rstrip("\r\n"):
        raise ItemError("its lines end in CR alone")
    try:
        return max(_DELIMITERS, key=lambda delimiter: len(next(csv.reader([text], delimiter=delimiter), [])))
    except csv.Error as error:
        raise ItemError(f"its header is not CSV ({error})") from error


def decoded(content: bytes) -> str:
    """Return a line as text: UTF-8, else Windows-1252, which spreadsheets write."""
    try:
        return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8").replace("\x00", "")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace").replace("\x00", "")


def rows(file: GrowingFile, start: int, delimiter: str, width: int | None = None) -> Iterator[Row]:
    """Yield the rows from `start` on, without blank ones. A row of several lines must have `width` columns."""
    feed = _Feed(lines(file, start))
    while (first := feed.take()) is not None:
        if first.content is None:
            reason = f"row of {first.end - first.start:,} bytes; the limit is {RECORD_LIMIT:,}"
            yield Row(first.start, first.end, (), reason)
            continue
        try:
            values, end = _read_row(feed, first, delimiter, width)
        except ItemError as error:
            yield Row(first.start, first.end, (), error.message)
            continue
        if any(value.strip() for value in values):
            yield Row(first.start, end, values)


@dataclass
class _Feed:
    """Lines that can be given back."""

    source: Iterator[Line]
    returned: deque[Line] = field(default_factory=deque)

    def take(self) -> Line | None:
        return self.returned.popleft() if self.returned else next(self.source, None)

    def give_back(self, taken: list[Line]) -> None:
        self.returned.extendleft(reversed(taken))


def _read_row(feed: _Feed, first: Line, delimiter: str, width: int | None) -> tuple[tuple[str, ...], int]:
    assert first.content is not None
    if b'"' not in first.content:
        return _leniently(first, delimiter), first.end
    taken: list[Line] = []

    def texts() -> Iterator[str]:
        yield decoded(first.content or b"")
        size = first.end - first.start
        while (line := feed.take()) is not None:
            taken.append(line)
            size += line.end - line.start
            if line.content is None or size > RECORD_LIMIT:
                raise ItemError("a quote is not closed")
            yield decoded(line.content)

    try:
        values = tuple(next(csv.reader(texts(), delimiter=delimiter, strict=True)))
    except (csv.Error, ItemError) as error:
        feed.give_back(taken)
        if taken:
            raise ItemError("a quote is not closed") from error
        return _leniently(first, delimiter), first.end
    if taken and width is not None and len(values) != width:
        feed.give_back(taken)
        raise ItemError("a quote is not closed")
    return values, taken[-1].end if taken else first.end


def _leniently(line: Line, delimiter: str) -> tuple[str, ...]:
    """Return the values of a line with quotes in the wrong place, as spreadsheets read it."""
    try:
        return tuple(next(csv.reader([decoded(line.content or b"")], delimiter=delimiter), []))
    except csv.Error as error:
        raise ItemError(f"not CSV: {error}") from error
