from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsintel.connectors.files import growing, lines
from opsintel.errors import InputError
from tests.connectors.contract import STREAM, ConnectorContract, failures, open_source, upserts
from tests.connectors.sources import row


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def records(path: Path, **config: object) -> list[dict[str, Any]]:
    return [json.loads(item.payload) for item in upserts(open_source("jsonl", path, **config).read(STREAM, None))]


class TestContract(ConnectorContract):
    kind = "jsonl"

    def make(self, folder: Path, numbers: Iterable[int]) -> Path:
        path = folder / "rows"
        path.touch()
        self.grow(path, numbers)
        return path

    def grow(self, path: Path, numbers: Iterable[int]) -> None:
        with path.open("a") as file:
            file.writelines(json.dumps(row(number)) + "\n" for number in numbers)

    def spoil(self, path: Path) -> None:
        with path.open("a") as file:
            file.write('{"id": "T-800", "text": "cut o\n' + json.dumps(row(900)) + "\n")

    def hostile(self, folder: Path) -> Path:
        values = [
            "[" * 100_000,
            '{"text":' * 50_000,
            '{"text":"\\ud800","id":"\\u0000\\udfff"}',
            '{"text":NaN}',
            "null",
            "9" * 9999,
        ]
        return write(
            folder, '{"text":"x","id":{"a":1},"tags":{"b":[]}}\n' + "\n".join(values) + '\n{"text":"a' + "x" * 9_000_000
        )


class TestRows:
    def test_nested_authors_and_lists_are_read(self, tmp_path: Path) -> None:
        value = {
            "id": 7, "description": "dark", "requester": {"name": "Ann", "email": "ann@example.org"},
            "to": ["a@example.org", "b@example.org"], "tags": ["x", "y"], "created_at": 1767600000,
            "via": {"app": "web"},
        }  # fmt: skip
        (record,) = records(write(tmp_path, json.dumps(value)))
        assert record == {
            "id": 7, "text": "dark", "author_name": "Ann", "author_email": "ann@example.org",
            "recipients": ["a@example.org", "b@example.org"], "labels": ["x", "y"], "occurred_at": 1767600000,
            "extra": {"via": {"app": "web"}},
        }  # fmt: skip

    def test_objects_may_lack_named_keys_other_than_the_text(self, tmp_path: Path) -> None:
        path = write(tmp_path, '{"a":"one","b":"sub"}\n{"a":"two"}\n{"b":"three"}\n')
        items = list(open_source("jsonl", path, columns={"text": "a", "subject": "b"}).read(STREAM, None))
        assert [json.loads(item.payload) for item in upserts(items)] == [
            {"text": "one", "subject": "sub"},
            {"text": "two"},
        ]
        assert [failure.key for failure in failures(items)] == ["row 3"]

    def test_a_row_without_text_is_a_failure_with_its_number(self, tmp_path: Path) -> None:
        items = list(open_source("jsonl", write(tmp_path, '{"text":"a"}\n\n{"text":" "}\n[1]\n')).read(STREAM, None))
        assert [(failure.key, failure.reason) for failure in failures(items)] == [
            ("row 2", "the row has neither text nor subject"), ("row 3", "no JSON object"),
        ]  # fmt: skip

    def test_one_json_document_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="JSON Lines"):
            open_source("jsonl", write(tmp_path, '[\n{"text": "a"}\n]\n')).check_usable()


class TestLines:
    @given(
        st.binary(max_size=300).map(lambda value: value.replace(b"a", b"\n")), st.integers(1, 20), st.integers(5, 60)
    )
    def test_lines_are_those_of_the_file_at_every_block_size(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes, block: int, limit: int
    ) -> None:
        path = write(tmp_path_factory.mktemp("lines"), content)
        with pytest.MonkeyPatch.context() as patch, growing.GrowingFile(path) as file:
            patch.setattr(lines, "BLOCK", block)
            patch.setattr(lines, "RECORD_LIMIT", limit)
            found = list(lines.lines(file, 0))
        expected = content.split(b"\n")
        expected = [part + b"\n" for part in expected[:-1]] + ([expected[-1]] if expected[-1] else [])
        assert [content[line.start : line.end] for line in found] == expected
        assert all(line.content in (None, whole) for line, whole in zip(found, expected, strict=True))
        assert all(line.content == whole for line, whole in zip(found, expected, strict=True) if len(whole) <= limit)
        assert all(
            line.content is None for line, whole in zip(found, expected, strict=True) if len(whole) > limit + block
        )
