"""Files: the same rows as CSV and XLSX; nothing that a spreadsheet would run."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import load_workbook

from opsintel.errors import InputError, StorageError
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

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＋", "－", "＠"])
    def test_no_cell_of_a_csv_begins_as_a_formula_does(self, tmp_path: Path, start: str) -> None:
        write_file([replace(ROW, cells=(1, f"{start}cmd()", *ROW.cells[2:]))], tmp_path / "issues.csv")
        with (tmp_path / "issues.csv").open(encoding="utf-8-sig", newline="") as file:
            _, row = csv.reader(file)
        assert row[1].startswith("'")
        assert row[1].replace("'", "") == f"{start}cmd()"

    @pytest.mark.parametrize("ending", ["csv", "xlsx"])
    def test_what_cannot_be_written_is_one_line_and_leaves_nothing(self, tmp_path: Path, ending: str) -> None:
        with pytest.raises(StorageError, match="there is no folder"):
            write_file([ROW], tmp_path / "absent" / f"issues.{ending}")
        (tmp_path / f"folder.{ending}").mkdir()
        with pytest.raises(StorageError, match="Is a directory") as caught:
            write_file([ROW], tmp_path / f"folder.{ending}")
        assert caught.value.remedy
        assert [path.name for path in tmp_path.iterdir()] == [f"folder.{ending}"]

    @pytest.mark.parametrize("ending", ["csv", "xlsx"])
    def test_a_name_may_be_as_long_as_the_system_allows(self, tmp_path: Path, ending: str) -> None:
        path = tmp_path / f"{'n' * (254 - len(ending))}.{ending}"
        assert write_file([ROW], path) == 1
        assert path.stat().st_size > 0

    def test_another_ending_is_one_clear_line(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="neither"):
            write_file([ROW], tmp_path / "issues.pdf")
        assert list(tmp_path.iterdir()) == []
