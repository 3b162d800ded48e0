"""Files: the same rows as CSV and XLSX; nothing that a spreadsheet would run."""

import csv
from pathlib import Path

import pytest
from openpyxl import load_workbook

from opsintel.errors import InputError
from opsintel_pipeline.act.files import write_file
from opsintel_pipeline.act.rows import COLUMNS, KEY_COLUMN, ExportRow

ROW = ExportRow("key-1", (1, "=HYPERLINK(1)", "new", "sev2", "Other", 3, 2, "a", "b", "email", "+1 call", "http://x"))


class TestFiles:
    def test_csv_has_every_column_and_no_formula(self, tmp_path: Path) -> None:
        assert write_file([ROW], tmp_path / "issues.csv") == 1
        with (tmp_path / "issues.csv").open(encoding="utf-8-sig", newline="") as file:
            header, row = csv.reader(file)
        assert header == [*COLUMNS, KEY_COLUMN]
        assert row[1] == "'=HYPERLINK(1)"
        assert row[10] == "'+1 call"
        assert row[0] == "1"

    def test_xlsx_keeps_text_as_text(self, tmp_path: Path) -> None:
        write_file([ROW], tmp_path / "issues.xlsx")
        sheet = load_workbook(tmp_path / "issues.xlsx")["Issues"]
        assert sheet["B2"].value == "=HYPERLINK(1)"
        assert sheet["B2"].data_type == "s"
        assert sheet.column_dimensions["M"].hidden

    def test_another_ending_is_one_clear_line(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="neither"):
            write_file([ROW], tmp_path / "issues.pdf")
        assert list(tmp_path.iterdir()) == []
