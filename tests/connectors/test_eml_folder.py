from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from opsintel.connectors.contract import Checkpoint, Upsert
from opsintel.connectors.files.mail import looks_like_mail
from opsintel.errors import InputError
from tests.connectors.contract import STREAM, ConnectorContract, failures, last_cursor, open_source, upserts
from tests.connectors.sources import mail

DATA = Path(os.environ.get("OPSINTEL_TEST_DATA", "../shared/data"))


class TestContract(ConnectorContract):
    kind = "eml_folder"

    def make(self, folder: Path, numbers: Iterable[int]) -> Path:
        path = folder / "mails"
        path.mkdir()
        self.grow(path, numbers)
        return path

    def grow(self, path: Path, numbers: Iterable[int]) -> None:
        for number in numbers:
            name = f"{(number * 7919) % 10007:05}"
            target = path / (f"{name}.eml" if number % 2 else f"sub/{name}")
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(mail(number))

    def spoil(self, path: Path) -> None:
        (path / "000.eml").write_bytes(b"\n")
        self.grow(path, [900])

    def hostile(self, folder: Path) -> Path:
        path = self.make(folder, range(2))
        (path / "link.eml").symlink_to("/etc/passwd")
        os.mkfifo(path / "pipe.eml")
        (path / "bad\udcff.eml").write_bytes(b"\x00" * 100)
        (path / "loop").symlink_to(path)
        (path / "long.eml").write_bytes(b"Date: " + b"," * 300_000)
        return path


class TestWhichFilesAreMail:
    def test_files_beside_the_mails_are_left_out(self, tmp_path: Path) -> None:
        path = TestContract().make(tmp_path, [1])
        (path / "README").write_text("Note: this is text.\nFrom here on nothing.\n")
        (path / "data.csv").write_text("id,text\n1,x\n")
        (path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
        items = list(open_source("eml_folder", path).read(STREAM, None))
        assert len(upserts(items)) == 1
        assert not failures(items)

    def test_a_mail_with_a_broken_header_line_is_one(self) -> None:
        assert looks_like_mail(b"Subject: a\nno header\nX-Other: b\n\ntext\n")
        assert looks_like_mail(b"From a@example.org Mon Jan 5 08:00:00 2026\r\nFrom: a@example.org\r\n\r\n")
        assert not looks_like_mail(b"Dear all,\nSubject: none\n\n")
        assert not looks_like_mail(b"id,text\n1,hello\n")

    def test_outlooks_own_format_is_a_visible_failure(self, tmp_path: Path) -> None:
        path = TestContract().make(tmp_path, [1])
        (path / "a.msg").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600)
        (failure,) = failures(open_source("eml_folder", path).read(STREAM, None))
        assert "Outlook" in failure.reason

    def test_a_single_mail_file_is_a_source(self, tmp_path: Path) -> None:
        path = tmp_path / "one.eml"
        path.write_bytes(mail(1))
        assert [item.payload for item in upserts(open_source("eml_folder", path).read(STREAM, None))] == [mail(1)]

    def test_a_folder_without_mail_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no mail"):
            open_source("eml_folder", tmp_path).check_usable()


class TestChanges:
    def test_an_edited_file_is_read_again(self, tmp_path: Path) -> None:
        path = TestContract().make(tmp_path, range(4))
        cursor = last_cursor(open_source("eml_folder", path).read(STREAM, None))
        (path / "changed.eml").write_bytes(mail(50))
        cursor = last_cursor(open_source("eml_folder", path).read(STREAM, cursor))
        (path / "changed.eml").write_bytes(mail(51, body="longer than it was before\n"))
        (item,) = upserts(open_source("eml_folder", path).read(STREAM, cursor))
        assert b"Lamp 51" in item.payload

    def test_a_file_that_could_not_be_read_is_tried_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = TestContract().make(tmp_path, [1, 3])
        broken = path / sorted(entry.name for entry in path.iterdir())[0]
        real = os.open

        def refuse(target: object, *rest: int) -> int:
            if target == broken:
                raise PermissionError(13, "Permission denied")
            return real(target, *rest)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refuse)
            first = list(open_source("eml_folder", path).read(STREAM, None))
        (failure,) = failures(first)
        assert failure.retryable
        second = open_source("eml_folder", path).read(STREAM, last_cursor(first))
        assert [item.payload for item in second if isinstance(item, Upsert)] == [broken.read_bytes()]

    def test_a_file_to_be_tried_again_has_any_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = TestContract().make(tmp_path, [1])
        (path / "bad\udcff.eml").write_bytes(mail(2))
        real = os.open

        def refuse(target: object, *rest: int) -> int:
            if str(target).endswith("\udcff.eml"):
                raise PermissionError(13, "Permission denied")
            return real(target, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "open", refuse)
        cursors = [i.cursor for i in open_source("eml_folder", path).read(STREAM, None) if isinstance(i, Checkpoint)]
        assert any("retry" in cursor for cursor in cursors)
        assert json.dumps(cursors, ensure_ascii=False).encode()


class TestRealMail:
    def test_every_message_of_the_test_data_is_found(self) -> None:
        if not (DATA / "mail" / "MANIFEST.tsv").is_file():
            pytest.fail("the test data is not there; set OPSINTEL_TEST_DATA")
        rows = [line.split("\t") for line in (DATA / "mail" / "MANIFEST.tsv").read_text().splitlines()[1:]]
        messages = {name for name, kind in rows if kind == "message"}
        contents = {item.payload for item in upserts(open_source("eml_folder", DATA / "mail").read(STREAM, None))}
        missed = {name for name in messages if (DATA / "mail" / name).read_bytes() not in contents}
        # A body without any header, under a name that says nothing.
        assert missed == {"cpython/data/msg_19.txt"}
