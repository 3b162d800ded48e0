"""What an import says of items and days that failed, and that importing again tries the days again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha512
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from opsintel import context as opening
from opsintel.cli.import_ import app
from opsintel.clock import today
from opsintel.context import Context
from opsintel.errors import FatalError, InputError
from opsintel.partitions import Partition, StageResult
from opsintel.settings import Settings
from opsintel.tenants import find_tenant
from opsintel_pipeline.analyze import run as analyze
from tests.connectors.sources import mail, mbox_entry, slack_message, slack_zip


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "1", "text": "the hub is offline"}\n{"id": "2"\n{"id": "3"}\n')
    return path


@pytest.fixture(autouse=True)
def installation(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command finds the test's installation in place of one that it would open."""

    @contextmanager
    def open_context(settings: Settings) -> Iterator[Context]:
        yield context

    monkeypatch.setattr(opening, "open_context", open_context)
    monkeypatch.setenv("JWT_SECRET", "sT7wQz1m-Ochre-9rVfKx2p-Kestrel-b4Yd")


def break_analyses(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(context: Context, partition: Partition) -> StageResult:
        raise FatalError("the rules choked")

    monkeypatch.setattr(analyze, "run", fail)


def import_rows(path: Path, *options: str) -> Result:
    return CliRunner().invoke(app, [str(path), "--tenant", "acme", *options])


class TestNames:
    def test_of_a_path_that_no_store_can_hold_are_refused(self, rows: Path) -> None:
        path = rows.rename(rows.with_name("bad\udcff.jsonl"))
        done = import_rows(path)
        assert isinstance(done.exception, InputError)
        assert done.exception.line().endswith("bad\\udcff.jsonl has a name that is not UTF-8. Rename it")

    def test_of_a_path_may_be_as_long_as_a_system_allows(self, rows: Path) -> None:
        folder = rows.parent
        for level in range(14):
            folder /= sha512(bytes([level])).hexdigest() + sha512(bytes([level, level])).hexdigest()[:100]
            folder.mkdir()
        assert json.loads(import_rows(rows.rename(folder / "rows.jsonl"), "--json").stdout)["added"] == 1

    def test_for_people_hold_nothing_that_steers(self, context: Context, rows: Path) -> None:
        tenant = find_tenant(
            context.database, json.loads(import_rows(rows, "--json", "--name", "a\udcff\x1b\nb").stdout)["tenant"]
        )
        with context.database.tenant_tx(tenant.id) as connection:
            assert connection.execute("SELECT name FROM source").fetchone() == ("a\\udcff\\x1b b",)


class TestFailedItems:
    def test_are_named_with_their_reasons(self, rows: Path) -> None:
        done = import_rows(rows)
        assert done.exit_code == 0
        first, *failures = done.stdout.splitlines()
        assert first == "1 added, 0 changed, 2 failed; 1 days processed"
        assert [line.split(": ")[1] for line in failures] == ["row 2", "row 3"]

    def test_are_counted_for_machines_whatever_stage_refused_them(self, context: Context, tmp_path: Path) -> None:
        mails = tmp_path / "mails"
        mails.mkdir()
        (mails / "fine.eml").write_text("From: a@b.example\nSubject: hub\n\nThe hub is offline.\n")
        (mails / "huge.eml").write_bytes(b"From: a@b.example\nSubject: text\n\n" + b"All is text. " * 900_000)
        found = json.loads(import_rows(mails, "--json").stdout)
        assert (found["added"], found["failures"]) == (2, 1)

    def test_steer_no_terminal_by_their_names(self, tmp_path: Path) -> None:
        mails = tmp_path / "mails"
        mails.mkdir()
        (mails / "fine.eml").write_text("From: a@b.example\nSubject: hub\n\nThe hub is offline.\n")
        (mails / "red \x1b[31m.eml").write_bytes(b"")
        assert "red \\x1b[31m.eml: empty file" in import_rows(mails).stdout

    def test_may_lie_as_deep_as_a_file_system_allows(self, context: Context, tmp_path: Path) -> None:
        mails = tmp_path / "mails"
        mails.mkdir()
        (mails / "fine.eml").write_text("From: a@b.example\nSubject: hub\n\nThe hub is offline.\n")
        folder = mails
        for level in range(14):
            folder /= sha512(bytes([level])).hexdigest() + sha512(bytes([level, level])).hexdigest()[:100]
            folder.mkdir()
        (folder / "empty.eml").write_bytes(b"")
        found = json.loads(import_rows(mails, "--json").stdout)
        assert (found["added"], found["failures"]) == (1, 1)

    @pytest.mark.parametrize("content", [b"All is text. " * 900_000, b"All is text. " * 6_000_000])
    def test_that_are_all_there_is_end_the_command_also_the_second_time(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "huge.eml").write_bytes(b"From: a@b.example\nSubject: text\n\n" + content)
        for _ in range(2):
            done = import_rows(tmp_path / "huge.eml")
            assert isinstance(done.exception, InputError)
            assert "Nothing in" in done.exception.line()
            assert "bytes" in done.exception.line()

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "mbox", "folder", "slack"])
    def test_are_none_any_more_once_they_are_mended_at_their_source(
        self, context: Context, tmp_path: Path, kind: str
    ) -> None:
        path = broken_source(tmp_path, kind)
        assert json.loads(import_rows(path, "--json", "--no-process").stdout)["failures"] == 1
        mend(path, kind)
        again = json.loads(import_rows(path, "--json", "--no-process").stdout)
        assert (again["added"], again["failures"]) == (1, 0)
        tenant = find_tenant(context.database, "acme")
        with context.database.tenant_tx(tenant.id) as connection:
            still_open = connection.execute("SELECT key FROM ingest_failure WHERE resolved_at IS NULL").fetchall()
        assert still_open == []


def broken_source(folder: Path, kind: str) -> Path:
    """Write a source whose second item cannot be read."""
    path = folder / f"source-{kind}"
    if kind == "csv":
        path.write_text("id,text\n1,the hub is offline\n2\n")
    elif kind == "jsonl":
        path.write_text('{"id": "1", "text": "the hub is offline"}\n{"id": "2", "te\n')
    elif kind == "mbox":
        path.write_bytes(mbox_entry(mail(1)) + b"From a@b Mon Jan  5 08:00:00 2026\n\n\n")
    elif kind == "folder":
        path.mkdir()
        (path / "1.eml").write_bytes(mail(1))
        (path / "2.eml").write_bytes(b"")
    else:
        slack_zip(path, {"support/2026-01-05.json": [slack_message(1)], "support/2026-01-06.json": b"cut"})
    return path


def mend(path: Path, kind: str) -> None:
    """Write the source anew with its second item whole."""
    if kind == "csv":
        path.write_text("id,text\n1,the hub is offline\n2,refund me\n")
    elif kind == "jsonl":
        path.write_text('{"id": "1", "text": "the hub is offline"}\n{"id": "2", "text": "refund me"}\n')
    elif kind == "mbox":
        path.write_bytes(mbox_entry(mail(1)) + mbox_entry(mail(2)))
    elif kind == "folder":
        (path / "2.eml").write_bytes(mail(2))
    else:
        slack_zip(path, {f"support/2026-01-0{n + 4}.json": [slack_message(n)] for n in (1, 2)})


class TestADayThatFailed:
    def test_ends_the_command_with_the_reason(self, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        break_analyses(monkeypatch)
        done = import_rows(rows, "--json")
        assert json.loads(done.stdout)["failed_partitions"] == 1
        assert isinstance(done.exception, FatalError)
        assert f"{today()}: analyses: the rules choked" in done.exception.line()

    def test_is_tried_again_by_the_next_import(self, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            break_analyses(patch)
            import_rows(rows)
        again = json.loads(import_rows(rows, "--json").stdout)
        assert (again["added"], again["processed_partitions"], again["failed_partitions"]) == (0, 1, 0)
        third = json.loads(import_rows(rows, "--json").stdout)
        assert (third["processed_partitions"], third["failed_partitions"]) == (0, 0)
