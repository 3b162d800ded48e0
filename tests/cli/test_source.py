"""`opsintel source` as a person runs it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from opsintel.cli.main import app
from opsintel.db.engine import Database
from opsintel.errors import ConflictError, InputError, NotFoundError
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from tests.sources.fake_kind import KIND, Desk, desk, record

__all__ = ["desk"]

Run = Callable[..., Result]
TOKEN = "desk-token-canary"


@pytest.fixture
def run(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, admin_url: str, desk: Desk) -> Run:
    """Call the command on the module's database, which has the tenant acme and nothing in it."""
    del desk
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant")
    create_tenant(database, "acme", "Acme")
    monkeypatch.setenv("DB_URL", settings.db_url or "")
    monkeypatch.setenv("OPSINTEL_MIGRATION_URL", admin_url)
    monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
    return lambda *arguments, **options: CliRunner().invoke(app, ["source", *arguments], **options)


@pytest.fixture
def added(run: Run) -> str:
    """Id of a desk that was added."""
    made = run(
        "add", KIND, "--tenant", "acme", "--name", "Desk", "--set", "desk=front", "--credential", "-", "--json",
        input=json.dumps({"token": TOKEN}),
    )  # fmt: skip
    assert made.exit_code == 0, made.exception
    assert TOKEN not in made.stdout
    return str(json.loads(made.stdout)["id"])


def figures(result: Result) -> dict[str, int]:
    assert result.exit_code == 0, result.exception
    found: dict[str, int] = json.loads(result.stdout)
    return found


class TestAdd:
    def test_takes_the_credential_from_a_file(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "credential.json"
        file.write_text(json.dumps({"token": TOKEN}))
        result = run("add", KIND, "--tenant", "acme", "--name", "Desk", "--credential", str(file))
        assert result.stdout.startswith("Desk is connected (")
        assert "whsec_" in result.stdout
        listed = json.loads(run("list", "--tenant", "acme", "--json").stdout)
        assert [(one["name"], one["kind"], one["state"]) for one in listed] == [("Desk", KIND, "active")]

    @pytest.mark.parametrize(
        ("arguments", "given", "reason"),
        [
            (("mbox", "--set", "path=/etc/passwd"), "{}", "no kind of source that is connected"),
            ((KIND, "--set", "desk"), "{}", "no FIELD=VALUE"),
            ((KIND, "--set", "colour=red"), '{"token": "abc"}', "cannot be used: colour"),
            ((KIND,), "nonsense", "no JSON object of texts"),
            ((KIND,), '{"token": 7}', "no JSON object of texts"),
        ],
    )
    def test_refuses_what_cannot_be_used(self, run: Run, arguments: tuple[str, ...], given: str, reason: str) -> None:
        result = run("add", *arguments, "--tenant", "acme", "--name", "Desk", "--credential", "-", input=given)
        assert isinstance(result.exception, InputError)
        assert reason in str(result.exception)

    def test_has_nobody_to_ask_where_there_is_no_terminal(self, run: Run) -> None:
        result = run("add", KIND, "--tenant", "acme", "--name", "Desk")
        assert isinstance(result.exception, InputError)
        assert "nobody to ask" in str(result.exception)

    def test_takes_no_secret_as_an_argument(self, run: Run) -> None:
        assert run("add", KIND, "--tenant", "acme", "--name", "Desk", "--token", TOKEN).exit_code == 2

    def test_without_a_credential_waits_until_it_is_authorised(self, run: Run) -> None:
        run("add", KIND, "--tenant", "acme", "--name", "Desk", "--later")
        assert "It waits to be authorised" in run("list", "--tenant", "acme").stdout
        run("authorise", "Desk", "--tenant", "acme", "--credential", "-", input='{"token": "abc"}')
        assert "active" in run("list", "--tenant", "acme").stdout

    def test_kinds_are_listed_with_their_fields(self, run: Run) -> None:
        listed = run("kinds").stdout
        assert "Fake desk" in listed
        assert "API token" in listed
        assert {one["kind"] for one in json.loads(run("kinds", "--json").stdout)} >= {KIND, "ingest"}


class TestRun:
    def test_sync_census_and_backfill_say_what_they_brought(self, run: Run, added: str, desk: Desk) -> None:
        desk.put(record(1), record(2))
        first = desk.items["t1"].occurred_at
        assert first is not None
        since = ("--from", first.date().isoformat())
        estimate = figures(run("backfill", "Desk", "--tenant", "acme", *since, "--estimate", "--json"))
        assert (estimate["held"], estimate["missing"]) == (2, 2)
        assert figures(run("sync", added, "--tenant", "acme", "--json"))["added"] == 2
        desk.put(record(3))
        assert figures(run("census", "Desk", "--tenant", "acme", "--json"))["added"] == 1
        assert figures(run("backfill", "Desk", "--tenant", "acme", *since, "--json"))["added"] == 0
        assert run("sync", "Desk", "--tenant", "acme").stdout.startswith("Desk: ")
        assert figures(run("retry", "Desk", "--tenant", "acme", "--json")) == {"released": 0}

    def test_check_ends_with_one_where_something_needed_failed(self, run: Run, added: str) -> None:
        assert run("check", "Desk", "--tenant", "acme").exit_code == 0
        run("authorise", added, "--tenant", "acme", "--credential", "-", input='{"token": "revoked"}')
        result = run("check", "Desk", "--tenant", "acme")
        assert result.exit_code == 1
        assert "failed   token: The token is read (Make another)" in result.stdout

    @pytest.mark.usefixtures("added")
    def test_a_paused_source_is_not_read_until_it_is_resumed(self, run: Run) -> None:
        run("pause", "Desk", "--tenant", "acme")
        assert isinstance(run("sync", "Desk", "--tenant", "acme").exception, ConflictError)
        run("resume", "Desk", "--tenant", "acme")
        assert run("sync", "Desk", "--tenant", "acme").exit_code == 0

    @pytest.mark.usefixtures("added")
    def test_remove(self, run: Run) -> None:
        assert run("remove", "Desk", "--tenant", "acme").stdout == "Desk is removed\n"
        assert isinstance(run("check", "Desk", "--tenant", "acme").exception, NotFoundError)

    @pytest.mark.usefixtures("added")
    def test_a_day_that_is_none_is_refused(self, run: Run) -> None:
        result = run("backfill", "Desk", "--tenant", "acme", "--from", "yesterday")
        assert isinstance(result.exception, InputError)


class TestFilter:
    def filtered(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["filter", *arguments, "--tenant", "acme"])

    def test_is_kept_shown_and_chosen(self, run: Run, added: str, desk: Desk) -> None:
        desk.put(record(1, subject="Refund"), record(2, subject="Lamp"))
        saved = self.filtered("save", "Refunds", "subject:refund")
        assert saved.stdout.startswith("Refunds is kept (")
        chosen = run("filter", "Desk", "Refunds", "--tenant", "acme")
        assert chosen.stdout == "Desk: 0 messages are selected, 0 left out\n"
        again = self.filtered("save", "Refunds", "-subject:lamp")
        assert "1 sources go by it" in again.stdout
        (listed,) = json.loads(self.filtered("list", "--json").stdout)
        assert (listed["name"], listed["version"], listed["text"], listed["sources"]) == (
            "Refunds", 2, "-subject:lamp", 1,
        )  # fmt: skip
        shown = json.loads(self.filtered("show", "Refunds", "--json").stdout)
        assert [version["text"] for version in shown["versions"]] == ["-subject:lamp", "subject:refund"]
        assert isinstance(self.filtered("archive", "Refunds").exception, ConflictError)
        assert figures(run("filter", "Desk", "--none", "--tenant", "acme", "--json"))["needs_backfill"] == 0
        assert self.filtered("archive", "Refunds").exit_code == 0
        assert self.filtered("list").stdout == ""

    def test_is_named_or_none(self, run: Run, added: str) -> None:
        assert isinstance(run("filter", "Desk", "--tenant", "acme").exception, InputError)
        assert isinstance(run("filter", "Desk", "Absent", "--tenant", "acme").exception, NotFoundError)

    def test_is_previewed_with_what_providers_do_not_evaluate(self, added: str) -> None:
        told = self.filtered("preview", "subject:refund")
        assert told.stdout.startswith("0 messages of the last 30 days match, 0 a day")
        assert f"{KIND} does not evaluate subject:refund: the source is read as a whole" in told.stdout
