"""Reads a file of JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.files.growing import GrowingFile, GrowingFileConnector, Scanned
from opsintel.connectors.files.lines import RECORD_LIMIT, Line, is_line_end, lines
from opsintel.connectors.files.record import TableConfig, find_columns, record_upsert
from opsintel.connectors.files.text import plain
from opsintel.connectors.jsonl.manifest import MANIFEST
from opsintel.connectors.jsonl.parse import parse_object
from opsintel.errors import InputError, ItemError

_INSPECTED_LINES = 20
_LEADING = b"\xef\xbb\xbf \t"
_NOTHING = "every line is blank"


class JsonLinesConnector(GrowingFileConnector):
    """Objects of one file, a line each; each object's own keys tell what its values mean."""

    manifest = MANIFEST
    config: TableConfig

    @property
    def layout(self) -> str:
        """Return the columns that were named: other names give other items from the same bytes."""
        return self.config.columns.model_dump_json(exclude_none=True)

    def inspect_file(self, file: GrowingFile) -> None:
        """Raise `InputError` where none of the first lines can be used, with what is wrong with the first of them."""
        reason = _NOTHING
        for number, line in zip(range(_INSPECTED_LINES), lines(file, 0), strict=False):
            if line.content is not None and not line.content.strip():
                continue
            item = self._item(line, number)
            if reason == _NOTHING and line.content is not None and line.content.lstrip(_LEADING).startswith(b"["):
                reason = "it is one JSON document"
                break
            if isinstance(item, Upsert):
                return
            reason = item.reason if reason == _NOTHING else reason
        raise InputError(
            f"{self.path} cannot be used as JSON Lines: {reason}",
            remedy="Give one JSON object a line, with a key `text` or the columns named in the source",
        )

    def scan(self, file: GrowingFile, start: int, number: int) -> Iterator[Scanned]:
        """Yield the objects from `start` on; a line that is none is a failure."""
        for line in lines(file, start):
            if line.content is not None and not line.content.strip():
                continue
            number += 1
            yield Scanned(self._item(line, number), line.start, line.end)

    def is_item_end(self, file: GrowingFile, offset: int) -> bool:
        """Tell whether the last line was complete."""
        return is_line_end(file, offset)

    def _item(self, line: Line, number: int) -> Upsert | Failure:
        place = f"row {number}"
        if line.content is None:
            reason = f"row of {line.end - line.start:,} bytes; the limit is {RECORD_LIMIT:,}"
            return Failure("row", place, reason, retryable=False)
        try:
            row = parse_object(line.content)
            return record_upsert(row, find_columns(tuple(row), self.config.columns, ragged=True), place)
        except (ItemError, InputError) as error:
            return Failure("row", place, plain(error.line()), retryable=False)
