"""`opsintel parse` prints one message a line and refuses the rest by name."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from opsintel.cli import parse
from opsintel.cli.parse import app
from opsintel.events.message import CanonicalMessage
from tests.normalize.mails import mail


class TestParse:
    def test_each_line_is_the_file_and_a_canonical_message(self, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(mail(b"Hello"))
        (tmp_path / "b.txt").write_bytes(b"A body alone\n\n> quoted")
        result = CliRunner().invoke(app, [str(tmp_path / "a.eml"), str(tmp_path / "b.txt"), "--json"])
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert result.exit_code == 0
        assert [Path(row.pop("file")).name for row in rows] == ["a.eml", "b.txt"]
        assert [CanonicalMessage.model_validate(row).text for row in rows] == ["Hello", "A body alone"]

    def test_people_get_a_rendering(self, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(mail(b"Hello\n\n-- \nAda"))
        shown = CliRunner().invoke(app, [str(tmp_path / "a.eml")]).stdout
        assert "Ada Byron <ada@customer.example>" in shown
        assert "--- Signature" in shown

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.eml", b"", "empty"),
            ("a.eml", b"\n \n", "empty"),
            ("a.gif", b"GIF89a....", "image"),
            ("a.mbox", b"From a@b.example Mon Apr  2 18:22:10 2012\nSubject: x\n\nx\n", "opsintel import"),
            (
                "a",
                b"From a@b Mon Apr  2 18:22:10 2012\nSubject: x\n\nx\n\n" * 2,
                "mbox",
            ),
            ("a.csv", b"id,text\n1,x\n", "opsintel import"),
            ("a.bin", bytes(range(256)) * 10, "binary"),
        ],
    )
    def test_what_is_no_message_is_refused_and_the_others_go_on(
        self, name: str, content: bytes, words: str, tmp_path: Path
    ) -> None:
        (tmp_path / name).write_bytes(content)
        (tmp_path / "good.eml").write_bytes(mail(b"Hello"))
        result = CliRunner().invoke(app, [str(tmp_path / name), str(tmp_path / "good.eml"), "--json"])
        assert result.exit_code == 1
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert len(result.stdout.splitlines()) == 1

    def test_folders_missing_files_and_archives_are_refused(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
            archive.writestr("users.json", "[]")
        paths = [str(tmp_path), str(tmp_path / "none.eml"), str(tmp_path / "export.zip")]
        result = CliRunner().invoke(app, [*paths, "--json"])
        assert (result.exit_code, result.stdout) == (1, "")
        folder, missing, archived = result.stderr.splitlines()
        assert "folder" in folder
        assert "no such file" in missing
        assert "opsintel import" in archived

    def test_a_pipe_is_read_like_a_file(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = Thread(target=pipe.write_bytes, args=(mail(b"Hello"),))
        writer.start()
        result = CliRunner().invoke(app, [str(pipe), "--json"])
        writer.join()
        assert json.loads(result.stdout)["text"] == "Hello"

    def test_a_file_without_end_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parse, "FILE_LIMIT", 1_000_000)
        result = CliRunner().invoke(app, ["/dev/zero", "--json"])
        assert (result.exit_code, result.stdout) == (1, "")
        assert "more than the 1,000,000 bytes" in result.stderr
