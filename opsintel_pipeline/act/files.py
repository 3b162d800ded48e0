"""The published rows as a file: CSV or XLSX, written beside its name first, so that nothing is half-written."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from opsintel.errors import InputError, StorageError
from opsintel_pipeline.act.formulas import as_text
from opsintel_pipeline.act.rows import COLUMNS, KEY_COLUMN, ExportRow


def write_file(rows: Sequence[ExportRow], path: Path) -> int:
    """Write the rows to a .csv or .xlsx file and return how many.

    Text that a spreadsheet would take for a formula is written as text. Raises `InputError` for another ending,
    `StorageError` when the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in (".csv", ".xlsx"):
        raise InputError(f"{path.name} is neither .csv nor .xlsx", remedy="End the name in .csv or .xlsx")
    if not path.parent.is_dir():
        raise StorageError(f"{path} cannot be written: there is no folder {path.parent}", remedy="Make it first")
    part = path.with_name(f".{secrets.token_hex(8)}.part{ending}")
    try:
        (_write_csv if ending == ".csv" else _write_xlsx)(rows, part)
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}", remedy="Name another file, or make room"
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return len(rows)


def _frame(rows: Sequence[ExportRow]) -> pd.DataFrame:
    return pd.DataFrame([(*row.cells, row.key) for row in rows], columns=[*COLUMNS, KEY_COLUMN])


def _write_csv(rows: Sequence[ExportRow], path: Path) -> None:
    frame = _frame(rows)
    frame.map(as_text).to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def _write_xlsx(rows: Sequence[ExportRow], path: Path) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs={"options": options}) as writer:
        _frame(rows).to_excel(writer, sheet_name="Issues", index=False, freeze_panes=(1, 0))
        sheet = writer.sheets["Issues"]
        sheet.autofilter(0, 0, max(1, len(rows)), len(COLUMNS) - 1)
        sheet.set_column(1, 1, 48)
        sheet.set_column(len(COLUMNS), len(COLUMNS), None, None, {"hidden": True})
