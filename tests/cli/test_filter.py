"""`opsintel filter match`: items of files, and exit codes as those of grep."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from opsintel.cli.filter import app

MAIL = """From: Ana Silva <a@b.c>
To: help@us.example
Cc: boss@us.example
Subject: Refund E123
Date: Sun, 29 Nov 2026 10:00:00 +0000

I want my money back.
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "a.eml").write_text(MAIL)
    (tmp_path / "b.jsonl").write_text('{"text":"hub offline","status":"open"}\n{"text":"please refund"}\n')
    (tmp_path / "c.mbox").write_text(
        f"From a@b.c Sun Nov 29 10:00:00 2026\n{MAIL}\nFrom x Sun Nov 29 10:00:00 2026\n{MAIL}"
    )
    return [str(tmp_path / name) for name in ("a.eml", "b.jsonl", "c.mbox")]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


class TestMatch:
    @pytest.mark.parametrize(
        ("text", "places"),
        [
            ("refund", ["a.eml", "row 2", "mail 1", "mail 2"]),
            ("-refund", ["row 1"]),
            ("from:@b.c cc:boss", ["a.eml", "mail 1", "mail 2"]),
            ("status:open", ["row 1"]),
            ("source:mbox", ["mail 1", "mail 2"]),
            ("before:2026-11-30 /E\\d+/", ["a.eml", "mail 1", "mail 2"]),
        ],
    )
    def test_items_of_each_kind_of_file(self, files: list[str], text: str, places: list[str]) -> None:
        done = run("match", text, *files, "--json")
        assert [json.loads(line)["item"] for line in done.stdout.splitlines()] == places
        assert done.exit_code == 0

    def test_people_read_a_line_for_each(self, files: list[str]) -> None:
        assert (
            run("match", "refund", *files[:1]).stdout
            == f"{files[0]}: a.eml: 2026-11-29T10:00:00+00:00 a@b.c Refund E123\n"
        )

    def test_exit_code_1_says_that_nothing_matches(self, files: list[str]) -> None:
        assert run("match", "nothing", *files).exit_code == 1

    def test_exit_code_2_and_a_caret_say_what_is_wrong(self, files: list[str]) -> None:
        done = run("match", "refund form:x", *files)
        assert done.exit_code == 2
        assert done.stderr.splitlines()[1:] == ["refund form:x", "       ^"]

    def test_the_error_is_also_json(self, files: list[str]) -> None:
        error = json.loads(run("match", "form:x", *files, "--json").stdout)["error"]
        assert (error["code"], error["position"]) == ("filter_invalid", 0)

    def test_a_file_that_cannot_be_read_does_not_end_the_others(self, files: list[str]) -> None:
        done = run("match", "refund", "/nowhere", *files)
        assert done.exit_code == 2
        assert "/nowhere" in done.stderr
        assert len(done.stdout.splitlines()) == 4
