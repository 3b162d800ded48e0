"""`opsintel quarantine`, `migrate` and `doctor` as a person runs them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pika
import pytest
from typer.testing import CliRunner, Result

from opsintel.cli.main import app
from opsintel.db.engine import Database
from opsintel.errors import InputError, UnavailableError
from opsintel.ids import new_id
from opsintel.queue import quarantine
from opsintel.queue.topology import QUEUES, WORK
from opsintel.queue.wire import RefusedError, encode
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from tests.queue.kinds import announcement

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, admin_url: str) -> Run:
    """Call the command on the module's database."""
    monkeypatch.setenv("DB_URL", settings.db_url or "")
    monkeypatch.setenv("OPSINTEL_MIGRATION_URL", admin_url)
    monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
    monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.fixture
def stored(database: Database) -> None:
    """A quarantine with an announcement that can be replayed, and one that cannot."""
    tenant = create_tenant(database, "acme", "Acme").id
    with database.system_tx() as connection:
        for table in ("quarantine", "outbox"):
            connection.execute(f"DELETE FROM {table}")
        sound = encode(announcement(tenant))
        quarantine.store(
            connection,
            [
                (RefusedError("poison", "The ledger refuses it"), sound),
                (RefusedError("malformed", "It is not JSON"), b"\x1b[31m\xff\x00"),
            ],
        )


class TestList:
    def test_shows_reason_and_payload_and_prints_nothing_that_steers_a_terminal(self, run: Run, stored: None) -> None:
        shown = run("quarantine", "list")
        assert shown.exit_code == 0
        assert "malformed: It is not JSON" in shown.stdout
        assert "poison: The ledger refuses it" in shown.stdout
        assert "\x1b" not in shown.stdout

    def test_is_one_document_for_machines(self, run: Run, stored: None) -> None:
        entries = json.loads(run("quarantine", "list", "--json").stdout)
        assert sorted(entry["reason"] for entry in entries) == ["malformed", "poison"]
        assert all(entry["seen"] == 1 and entry["replayed_at"] is None for entry in entries)

    def test_says_when_there_is_nothing(self, run: Run, stored: None, database: Database) -> None:
        with database.system_tx() as connection:
            connection.execute("DELETE FROM quarantine")
        assert run("quarantine", "list").stdout.strip() == "Nothing is in quarantine"


class TestReplay:
    def test_of_all_announces_what_it_can_and_says_what_stays(self, run: Run, stored: None, database: Database) -> None:
        done = run("quarantine", "replay", "--all", "--json")
        assert done.exit_code == 1
        outcomes = [replay["refused"] for replay in json.loads(done.stdout)]
        assert sorted(outcome is None for outcome in outcomes) == [False, True]
        with database.system_tx() as connection:
            assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (1,)
        assert "poison" not in run("quarantine", "list").stdout
        assert "replayed 20" in run("quarantine", "list", "--replayed").stdout

    def test_of_one_names_it(self, run: Run, stored: None, database: Database) -> None:
        (entry,) = [entry for entry in quarantine.entries(database, 10) if entry.reason == "poison"]
        done = run("quarantine", "replay", str(entry.id))
        assert (done.exit_code, done.stdout.split()) == (0, [str(entry.id), "announced", "anew"])

    @pytest.mark.parametrize("arguments", [[], ["--all", str(new_id())]])
    def test_needs_entries_or_all_of_them(self, run: Run, stored: None, arguments: list[str]) -> None:
        assert isinstance(run("quarantine", "replay", *arguments).exception, InputError)

    def test_of_an_unknown_entry_ends_with_its_remedy(self, run: Run, stored: None) -> None:
        error = run("quarantine", "replay", str(new_id())).exception
        assert "quarantine list" in getattr(error, "remedy", "")


class TestWithoutABroker:
    def test_doctor_says_where_the_queue_is(self, run: Run) -> None:
        assert queue_finding(run)["detail"] == "in PostgreSQL, as AMQP_URL is not set"

    def test_one_that_cannot_be_reached_fails_with_a_remedy(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/")
        finding = queue_finding(run)
        assert finding["verdict"] == "failed"
        assert "127.0.0.1:1" in finding["detail"]
        assert "AMQP_URL" in finding["remedy"]
        assert isinstance(run("migrate").exception, UnavailableError)


@pytest.mark.rabbitmq
class TestWithABroker:
    def test_migrate_declares_the_queues_and_doctor_probes_them(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, amqp_url: str
    ) -> None:
        monkeypatch.setenv("AMQP_URL", amqp_url)
        assert run("migrate").exit_code == 0
        with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
            for queue in QUEUES:
                connection.channel().queue_declare(queue.name, passive=True)
        assert queue_finding(run)["verdict"] == "passed"
        with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
            assert connection.channel().queue_declare(WORK, passive=True).method.message_count == 1


def queue_finding(run: Run) -> dict[str, str]:
    findings: list[dict[str, str]] = json.loads(run("doctor", "--json").stdout)
    (finding,) = [finding for finding in findings if finding["check"] == "queue"]
    return finding
