"""Two Celery workers on one machine, with a real RabbitMQ between them and Dagster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import yaml
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher import LaunchRunContext

from opsintel.context import Context
from opsintel.db.embedded import ADMIN, Access
from opsintel.db.engine import Database
from opsintel.db.migrate import sqlalchemy_url
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel.queue import ledger
from opsintel.settings import Settings
from opsintel_pipeline.worker.inline import move_announcements
from tests.canonical import dump
from tests.pipeline.mailbox import import_mailbox, write_mailbox

DEPLOY = Path(__file__).parents[2] / "deploy" / "celery"
PATIENCE_SECONDS = 120.0

pytestmark = [
    pytest.mark.rabbitmq,
    # dagster-celery makes its task anew for each run; the one that was made first is used.
    pytest.mark.filterwarnings("ignore:Task name 'execute_job'"),
]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


class Workers:
    """The workers, each a process with one run at a time."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "dagster_celery.app", "worker", "-c", "1", "-n", f"{name}@here",
                 "-Q", "dagster", "-l", "info", "--without-gossip", "--without-mingle"],
                env=self._environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=self._folder,
            )  # fmt: skip

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def text(self, name: str) -> str:
        return self.log(name).read_text(errors="replace")

    def kill(self, name: str) -> None:
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in list(self._running):
            self.kill(name)


@pytest.fixture
def environment(server: Access, settings: Settings, amqp_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a worker's machine has: our settings, Dagster's instance, and the broker's address."""
    name = f"dagster_{new_id().hex}"
    home = tmp_path / "home"
    home.mkdir()
    instance = {
        "storage": {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}},
        "telemetry": {"enabled": False},
    }
    launcher = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance | launcher))
    assert settings.db_url is not None
    assert settings.master_encryption_key is not None
    with psycopg.connect(server.url(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(DEPLOY),
            "DAGSTER_HOME": str(home),
            "DAGSTER_POSTGRES_URL": sqlalchemy_url(server.url(ADMIN, name), "psycopg2"),
            "CELERY_BROKER_URL": amqp_url.replace("amqp://", "pyamqp://"),
            "DB_URL": settings.db_url,
            "MASTER_ENCRYPTION_KEY": settings.master_encryption_key.get_secret_value(),
            "OPSINTEL_DATA_DIR": str(settings.data_dir),
            "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
        }
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def instance(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with DagsterInstance.from_config(environment["DAGSTER_HOME"]) as made:
        yield made


@pytest.fixture
def workers(environment: dict[str, str], instance: DagsterInstance, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path, environment)
    for name in ("first", "second"):
        made.start(name)
    try:
        for name in ("first", "second"):
            wait_until(lambda name=name: "ready." in made.text(name), f"{name} did not start")  # type: ignore[misc]
        yield made
    finally:
        made.stop()


def launch(instance: DagsterInstance, batch_id: UUID) -> str:
    """Have a worker run a batch, as the daemon does when the sensor asks for it."""
    job = ReconstructableRepository.for_module("opsintel_pipeline.definitions", "definitions").get_reconstructable_job(
        "drain"
    )
    run: DagsterRun = instance.create_run_for_job(
        job.get_definition(),
        run_config={"ops": {"drain_batch": {"config": {"batch_id": str(batch_id)}}}},
        job_code_origin=job.get_python_origin(),
    )
    instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    return run.run_id


def succeeded(instance: DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status != DagsterRunStatus.FAILURE
    return run.status == DagsterRunStatus.SUCCESS


class TestTwoWorkers:
    def test_share_the_runs_and_one_that_is_killed_loses_nothing(
        self, database: Database, settings: Settings, admin_url: str, instance: DagsterInstance, workers: Workers,
        tmp_path: Path,
    ) -> None:  # fmt: skip
        context = Context(database, open_objects(settings), settings)
        write_mailbox(tmp_path / "mails.mbox", (3, 2, 1))
        tenants = [import_mailbox(context, tmp_path / "mails.mbox", slug) for slug in ("acme", "globex")]
        move_announcements(context)
        batches = ledger.build_batches(database, size=3)
        assert len(batches) == 2

        with psycopg.connect(admin_url) as blocking:
            blocking.execute(
                "LOCK TABLE raw_payload IN ACCESS EXCLUSIVE MODE"
            )  # neither run gets further than its start
            runs = [launch(instance, batch_id) for batch_id in batches]
            wait_until(lambda: len(in_hand(database)) == 2, "the two workers did not take a run each")
            for name in ("first", "second"):
                assert "received" in workers.text(name)
            workers.kill("first")

        died, lives = sorted(runs, key=lambda run_id: run_id in workers.text("second"))
        wait_until(lambda: succeeded(instance, lives), "the living worker did not finish its run")
        (lost,) = ledger.open_batches(database)
        ledger.set_deadline(database, lost, timedelta(seconds=-1))
        (anew,) = ledger.build_batches(database)
        assert anew != lost
        again = launch(instance, anew)
        wait_until(lambda: succeeded(instance, again), "the living worker did not take the work over")
        assert died != again
        assert ledger.pending_count(database) == 0
        rows = [dump(database, tenant) for tenant in tenants]
        assert rows[0] == rows[1]
        assert len(rows[0]["message"]) == 12


def in_hand(database: Database) -> set[UUID]:
    """Return the batches whose runs have begun."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT DISTINCT batch_id FROM work WHERE started_at IS NOT NULL AND state = 'batched'"
        )
        return {row[0] for row in rows}
