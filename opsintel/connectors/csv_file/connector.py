"""Reads a CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.csv_file.manifest import MANIFEST
from opsintel.connectors.csv_file.parse import Row, rows, sniff_delimiter
from opsintel.connectors.files.growing import GrowingFile, GrowingFileConnector, Scanned
from opsintel.connectors.files.lines import is_line_end, lines
from opsintel.connectors.files.record import TableConfig, find_columns, record_upsert
from opsintel.connectors.files.text import plain
from opsintel.errors import InputError, ItemError


@dataclass(frozen=True, slots=True)
class _Header:
    delimiter: str
    names: tuple[str, ...]
    end: int


class CsvConnector(GrowingFileConnector):
    """Rows of one table; its first row names the columns."""

    manifest = MANIFEST
    config: TableConfig

    @property
    def layout(self) -> str:
        """Return the columns that were named: other names give other items from the same bytes."""
        return self.config.columns.model_dump_json(exclude_none=True)

    def inspect_file(self, file: GrowingFile) -> None:
        """Raise `InputError` where there is no header, or none with the columns that are needed."""
        try:
            find_columns(self._header(file).names, self.config.columns)
        except InputError as error:
            raise InputError(f"{self.path}: {error.message}", remedy=error.remedy) from error

    def scan(self, file: GrowingFile, start: int, number: int) -> Iterator[Scanned]:
        """Yield the rows from `start` on; one with too few or too many fields is a failure."""
        header = self._header(file)
        columns = find_columns(header.names, self.config.columns)
        for row in rows(file, max(start, header.end), header.delimiter, len(header.names)):
            number += 1
            yield Scanned(_item(row, header.names, columns, number), row.start, row.end)

    def is_item_end(self, file: GrowingFile, offset: int) -> bool:
        """Tell whether the last row was complete."""
        return is_line_end(file, offset)

    def _header(self, file: GrowingFile) -> _Header:
        first = next((line for line in lines(file, 0) if line.content is None or line.content.strip()), None)
        if first is None or first.content is None or b"\x00" in first.content:
            raise InputError("it is no CSV file in UTF-8", remedy="Save it as CSV with UTF-8 and a header line")
        try:
            delimiter = sniff_delimiter(first.content)
        except ItemError as error:
            raise InputError(error.message, remedy="Save it as CSV with UTF-8 and a header line") from error
        row = next(rows(file, first.start, delimiter), None)
        if row is None or row.fault:
            raise InputError("it has no readable header line", remedy="Begin it with the names of the columns")
        return _Header(delimiter, tuple(name.strip() for name in row.values), row.end)


def _item(row: Row, names: tuple[str, ...], columns: Mapping[str, str], number: int) -> Upsert | Failure:
    place = f"row {number}"
    try:
        if row.fault:
            raise ItemError(row.fault)
        values = row.values
        while len(values) > len(names) and not values[-1].strip():
            values = values[:-1]
        if len(values) != len(names):
            fault = "too few" if len(values) < len(names) else "too many"
            raise ItemError(f"{fault} fields: {len(values)} where the header has {len(names)}")
        return record_upsert(dict(zip(names, values, strict=True)), columns, place)
    except ItemError as error:
        return Failure("row", place, plain(error.line()), retryable=False)
