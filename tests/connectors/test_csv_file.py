from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsintel.connectors.contract import Tombstone
from opsintel.errors import InputError
from tests.connectors.contract import STREAM, ConnectorContract, failures, last_cursor, open_source, upserts
from tests.connectors.sources import row

HEADER = "id,text,created_at,status\n"


def as_csv(rows: Iterable[dict[str, Any]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(list(values.values()) for values in rows)
    return text.getvalue()


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def records(path: Path, **config: object) -> list[dict[str, Any]]:
    return [json.loads(item.payload) for item in upserts(open_source("csv_file", path, **config).read(STREAM, None))]


class TestContract(ConnectorContract):
    kind = "csv_file"

    def make(self, folder: Path, numbers: Iterable[int]) -> Path:
        return write(folder, HEADER + as_csv(map(row, numbers)))

    def grow(self, path: Path, numbers: Iterable[int]) -> None:
        with path.open("a", newline="") as file:
            file.write(as_csv(map(row, numbers)))

    def spoil(self, path: Path) -> None:
        with path.open("a", newline="") as file:
            file.write("T-800,too few\n" + as_csv([row(900)]))

    def hostile(self, folder: Path) -> Path:
        lines = [
            '1,"never closed',
            "2,=cmd|' /C calc'!A0,,",
            "\x00,\x00,\x00,\x00",
            "3," + "x" * 9_000_000 + ",,",
            '"' * 999,
        ]
        return write(folder, HEADER.encode() + "\n".join(lines).encode() + b"\n\xff\xfe,\xff,\xff,\xff\n")


class TestColumns:
    def test_a_label_of_a_test_set_stays_out_of_text_and_labels(self, tmp_path: Path) -> None:
        (record,) = records(write(tmp_path, "id,text,label\n1,where is my card,card_arrival\n"))
        assert record == {"id": "1", "text": "where is my card", "extra": {"label": "card_arrival"}}

    def test_the_columns_of_a_help_desk_are_found(self, tmp_path: Path) -> None:
        header = "Ticket ID;Subject;Description;Requester;Requester Email;Created At;Tags;Status;Priority;Group;Plan\n"
        values = (
            '17;Lamp;"It is dark;\nand cold";Ann Lee;ann@example.org;2026-01-05 08:00;a, b;open;high;Support;gold\n'
        )
        (record,) = records(write(tmp_path, header + values))
        assert record == {
            "id": "17", "subject": "Lamp", "text": "It is dark;\nand cold", "author_name": "Ann Lee",
            "author_email": "ann@example.org", "occurred_at": "2026-01-05 08:00", "labels": ["a", "b"],
            "status": "open", "priority": "high", "channel": "Support", "extra": {"Plan": "gold"},
        }  # fmt: skip

    def test_an_author_with_an_address_is_split(self, tmp_path: Path) -> None:
        path = write(tmp_path, "text,from\na,Ann Lee <ann@example.org>\nb,bo@example.org\nc,Cy\n")
        authors = [(record.get("author_name"), record.get("author_email")) for record in records(path)]
        assert authors == [("Ann Lee", "ann@example.org"), (None, "bo@example.org"), ("Cy", None)]

    def test_named_columns_are_used(self, tmp_path: Path) -> None:
        path = write(tmp_path, "id,text,what\n1,no,yes\n")
        (record,) = records(path, columns={"text": "what"})
        assert record == {"id": "1", "text": "yes", "extra": {"text": "no"}}

    def test_a_named_column_that_is_missing_is_one_clear_line(self, tmp_path: Path) -> None:
        source = open_source("csv_file", write(tmp_path, "id,text\n1,a\n"), columns={"subject": "topic"})
        with pytest.raises(InputError, match="no column 'topic' for subject; there are 'id', 'text'"):
            source.check_usable()

    def test_a_table_without_text_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="No column holds the text") as caught:
            open_source("csv_file", write(tmp_path, "a,b\n1,2\n")).check_usable()
        assert caught.value.remedy

    def test_an_unknown_setting_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="colums"):
            open_source("csv_file", tmp_path, colums={})


class TestRows:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_delimiters_are_found(self, tmp_path: Path, delimiter: str) -> None:
        content = HEADER.replace(",", delimiter) + as_csv(map(row, range(3)), delimiter)
        assert [record["text"] for record in records(write(tmp_path, content))] == [row(n)["text"] for n in range(3)]

    def test_utf8_with_mark_and_windows_1252_are_read(self, tmp_path: Path) -> None:
        assert records(write(tmp_path, "\ufeffid,text\n1,größer\n"))[0]["text"] == "größer"
        assert records(write(tmp_path, "id,text\n1,größer – €\n".encode("cp1252")))[0]["text"] == "größer – €"

    def test_an_unclosed_quote_spoils_its_own_row_only(self, tmp_path: Path) -> None:
        content = HEADER + as_csv([row(1)]) + '2,"not closed,,\n' + as_csv(map(row, range(3, 9)))
        items = list(open_source("csv_file", write(tmp_path, content)).read(STREAM, None))
        assert [item.native_id for item in upserts(items)] == ["T-1", *(f"T-{number}" for number in range(3, 9))]
        assert [failure.key for failure in failures(items)] == ["row 2"]

    def test_quotes_within_a_value_are_kept(self, tmp_path: Path) -> None:
        assert records(write(tmp_path, 'id,text\n1,it says "no" here\n'))[0]["text"] == 'it says "no" here'

    def test_a_row_of_too_many_bytes_is_a_failure(self, tmp_path: Path) -> None:
        path = write(tmp_path, f"id,text\n1,{'x' * 9_000_000}\n2,b\n")
        items = list(open_source("csv_file", path).read(STREAM, None))
        assert [item.native_id for item in upserts(items)] == ["2"]
        assert "limit" in failures(items)[0].reason

    def test_absurd_times_are_kept_for_the_normaliser_and_give_none(self, tmp_path: Path) -> None:
        path = write(
            tmp_path, "id,text,date\n1,a,0202-01-05\n2,b,soon\n3,c,2026-01-05T08:00:00+02:00\n4,d,1767600000\n"
        )
        items = upserts(open_source("csv_file", path).read(STREAM, None))
        assert [item.occurred_at and item.occurred_at.isoformat() for item in items] == [
            None, None, "2026-01-05T06:00:00+00:00", "2026-01-05T08:00:00+00:00",
        ]  # fmt: skip
        assert json.loads(items[0].payload)["occurred_at"] == "0202-01-05"

    @given(
        st.lists(
            st.tuples(
                *[st.text(st.characters(exclude_characters="\x00\ufeff", exclude_categories=["Cs"]), max_size=12)] * 3
            ),
            max_size=12,
        ),
        st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )
    def test_what_the_csv_module_writes_is_read(
        self, tmp_path_factory: pytest.TempPathFactory, values: list[tuple[str, str, str]], quoting: Literal[0, 1]
    ) -> None:
        text = io.StringIO()
        csv.writer(text, quoting=quoting).writerows(
            [("id", "text", "note"), *((f"k{n}", f"x{a}x", b) for n, (a, b, _) in enumerate(values))]
        )
        path = write(tmp_path_factory.mktemp("csv"), text.getvalue())
        assert [(r["id"], r["text"], r.get("extra", {}).get("note", "")) for r in records(path)] == [
            (f"k{n}", f"x{a}x", b) for n, (a, b, _) in enumerate(values)
        ]


class TestChanges:
    def test_an_edited_row_is_a_new_version_of_the_same_id(self, tmp_path: Path) -> None:
        path = write(tmp_path, HEADER + as_csv(map(row, range(4))))
        first = list(open_source("csv_file", path).read(STREAM, None))
        path.write_text(path.read_text().replace("Number 2", "Numero 2"))
        second = upserts(open_source("csv_file", path).read(STREAM, last_cursor(first)))
        before = {item.native_id: item.version for item in upserts(first)}
        assert [item.native_id for item in second if item.version != before[item.native_id]] == ["T-2"]

    def test_rows_without_id_are_known_by_their_content(self, tmp_path: Path) -> None:
        path = write(tmp_path, "text\na\nb\n")
        ids = [item.native_id for item in upserts(open_source("csv_file", path).read(STREAM, None))]
        write(tmp_path, "text\nnew\nb\na\n")
        again = [item.native_id for item in upserts(open_source("csv_file", path).read(STREAM, None))]
        assert again[1:] == ids[::-1]

    def test_a_row_written_in_part_is_replaced_once_it_is_whole(self, tmp_path: Path) -> None:
        path = write(tmp_path, "text,status\na,open\nb,cl")
        first = list(open_source("csv_file", path).read(STREAM, None))
        write(tmp_path, "text,status\na,open\nb,closed\nc,open\n")
        second = list(open_source("csv_file", path).read(STREAM, last_cursor(first)))
        assert [json.loads(item.payload)["text"] for item in upserts(second)] == ["b", "c"]
        assert [item.native_id for item in second if isinstance(item, Tombstone)] == [upserts(first)[1].native_id]

    def test_a_last_row_without_line_end_is_not_read_twice(self, tmp_path: Path) -> None:
        path = write(tmp_path, "id,text\n1,a\n2,b")
        cursor = last_cursor(open_source("csv_file", path).read(STREAM, None))
        write(tmp_path, "id,text\n1,a\n2,b\n3,c")
        assert [i.native_id for i in upserts(open_source("csv_file", path).read(STREAM, cursor))] == ["3"]

    def test_other_named_columns_read_the_file_again(self, tmp_path: Path) -> None:
        path = write(tmp_path, "id,text,what\n1,no,yes\n")
        cursor = last_cursor(open_source("csv_file", path).read(STREAM, None))
        assert len(upserts(open_source("csv_file", path, columns={"text": "what"}).read(STREAM, cursor))) == 1
