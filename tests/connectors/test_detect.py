from __future__ import annotations

import os
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opsintel.connectors.detect import detect_kind
from opsintel.connectors.registry import all_manifests, connector_class, kinds
from opsintel.errors import InputError
from tests.connectors.sources import mail, mbox_entry, slack_days, slack_zip

NOBODY = 65534


@contextmanager
def without_rights() -> Iterator[None]:
    """Be nobody for a while, since root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestContent:
    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (mbox_entry(mail(1)), "mbox"),
            (b"\xef\xbb\xbf\r\n" + mbox_entry(mail(1)), "mbox"),
            (mail(1), "eml_folder"),
            (b'{"text": "a"}\n', "jsonl"),
            (b"id,text,label\n1,a,b\n", "csv_file"),
            (b"text\nhello\n", "csv_file"),
        ],
    )
    def test_decides_whatever_the_name_says(self, tmp_path: Path, content: bytes, kind: str) -> None:
        for name in ("plain", "wrong.zip", "wrong.csv", "wrong.eml"):
            (tmp_path / name).write_bytes(content)
            assert detect_kind(tmp_path / name) == kind


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is empty"),
            (b" \n\n", "blank"),
            (b"\x7fELF\x00\x00", "no text file"),
            (b"\x89PNG\r\n\x1a\n\x00\x00", "is an image"),
            (b"\x1f\x8b\x08\x00", "is a gzip archive"),
            ("id,text\n1,a\n".encode("utf-16"), "is text in UTF-16"),
            (b"id,text\r1,a\r2,b\r", "lines end in CR alone"),
            (b'id,"a"b"c,text' + b"x" * 9_000_000, "no CSV file"),
            (b"Just a few words.\nAnd more.\n", "No column holds the text"),
            (b"a,b\n1,2\n", "No column holds the text"),
            (b'[\n{"text":"a"}]\n', "JSON Lines"),
            (b"PK\x03\x04 cut", "no complete zip"),
        ],
    )
    def test_are_one_line_with_path_and_remedy(self, tmp_path: Path, content: bytes, words: str) -> None:
        (tmp_path / "given").write_bytes(content)
        with pytest.raises(InputError) as caught:
            detect_kind(tmp_path / "given")
        assert words in caught.value.message
        assert "given" in caught.value.message
        assert caught.value.remedy
        assert "\n" not in caught.value.line()

    def test_name_what_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="does not exist"):
            detect_kind(tmp_path / "nowhere")

    def test_name_a_folder_without_mail(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("hello\n")
        with pytest.raises(InputError, match="holds no mail"):
            detect_kind(tmp_path)

    def test_name_a_truncated_export(self, tmp_path: Path) -> None:
        path = slack_zip(tmp_path / "e.zip", slack_days(range(20)))
        path.write_bytes(path.read_bytes()[:300])
        with pytest.raises(InputError, match="no complete zip"):
            detect_kind(path)

    def test_name_another_zip(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "z", "w") as archive:
            archive.writestr("a", "b")
        with pytest.raises(InputError, match="no Slack export"):
            detect_kind(tmp_path / "z")

    def test_name_a_workbook(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "table.csv", "w") as archive:
            archive.writestr("xl/workbook.xml", "<workbook/>")
        with pytest.raises(InputError, match="Excel workbook"):
            detect_kind(tmp_path / "table.csv")

    def test_name_what_is_neither_file_nor_folder(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "s"))
            with pytest.raises(InputError, match="neither"):
                detect_kind(tmp_path / "s")

    @pytest.mark.parametrize("is_folder", [False, True])
    def test_name_missing_permission(self, is_folder: bool) -> None:
        # Outside pytest's own folders, which nobody may enter at all.
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            path = Path(folder) / "closed"
            path.mkdir() if is_folder else path.write_bytes(mail(1))
            path.chmod(0)
            with without_rights(), pytest.raises(InputError, match="permission denied"):
                detect_kind(path)


class TestRegistry:
    def test_finds_every_folder(self) -> None:
        assert {"csv_file", "eml_folder", "jsonl", "maildir", "mbox", "slack_export"} <= set(kinds())
        assert tuple(manifest.kind for manifest in all_manifests()) == kinds()
        assert all(connector_class(kind).manifest.kind == kind for kind in kinds())

    def test_names_the_kinds_there_are(self) -> None:
        with pytest.raises(InputError, match="pigeon") as caught:
            connector_class("pigeon")
        assert "mbox" in caught.value.remedy
