"""Forty secrets through every channel: with the guards none comes out, without them all do."""

from __future__ import annotations

import io
import json
import logging
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance
from fastapi import FastAPI
from prometheus_client import generate_latest
from pydantic import SecretStr
from typer.testing import CliRunner

from opsintel.cli.main import app as cli
from opsintel.clock import today
from opsintel.context import Context
from opsintel.crypto import envelope
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.crypto.secrets import Secret
from opsintel.db.engine import Database
from opsintel.errors import CredentialError
from opsintel.logs.redact import Redactor
from opsintel.logs.setup import configure_logging
from opsintel.metrics.counted import REGISTRY
from opsintel.objects.store import open_objects
from opsintel.queue import ledger
from opsintel.queue.outbox import announce_days
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from opsintel_api.app import create_app
from opsintel_pipeline.definitions import definitions
from opsintel_pipeline.defs import resources
from opsintel_pipeline.worker import stages
from opsintel_pipeline.worker.inline import move_announcements
from tests.isolation.asgi import Asked, send
from tests.isolation.hunt import Planted, hunted, plant, settings_of

LOG = logging.getLogger("opsintel.hunt")


@dataclass
class Field:
    """Where the secrets are planted."""

    planted: list[Planted]
    settings: Settings
    """Whose addresses lead nowhere: for what only shows them."""

    installation: Context
    admin_url: str
    folder: Path


@pytest.fixture(scope="module")
def field(database: Database, database_url: str, admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Field:
    planted, environment = plant()
    folder = tmp_path_factory.mktemp("hunt")
    settings = settings_of(environment, OPSINTEL_DATA_DIR=str(folder / "data"), OPSINTEL_EMBEDDING_DOWNLOAD="false")
    at_work = settings.model_copy(update={"db_url": database_url, "amqp_url": None, "redis_addr": None})
    return Field(planted, settings, Context(database, open_objects(at_work), at_work), admin_url, folder)


@contextmanager
def _logging(settings: Settings, form: str) -> Iterator[io.StringIO]:
    root, stream = logging.getLogger(), io.StringIO()
    kept, level = root.handlers[:], root.level
    configure_logging("worker", settings.model_copy(update={"log_format": form}), stream)
    try:
        yield stream
    finally:
        root.handlers[:] = kept
        root.setLevel(level)


def _lines(field: Field, form: str) -> bytes:
    """Log what is held, what libraries say, and errors with their tracebacks."""
    with _logging(field.settings, form) as stream:
        for secret in field.planted:
            if secret.kind != "issued":
                LOG.error("held: %s %r %s", secret.held, {"credential": secret.held}, f"{secret.held}")
            if secret.kind == "settings":
                for shown in secret.forms():
                    LOG.warning("seen as %s", shown.decode())
            for text in secret.contexts():
                LOG.error(text)
                try:
                    raise ValueError(text)
                except ValueError:
                    LOG.exception("it failed", stack_info=True)
        return stream.getvalue().encode()


def json_lines(field: Field) -> bytes:
    """Log as JSON."""
    return _lines(field, "json")


def text_lines(field: Field) -> bytes:
    """Log as text."""
    return _lines(field, "text")


def locals_of_tracebacks(field: Field) -> bytes:
    """Show frames with their local variables, as error reporters do."""
    shown = []
    for secret in field.planted:
        try:
            _fails(secret.held if secret.kind != "issued" else None, field.settings)
        except ValueError as error:
            told = traceback.TracebackException(type(error), error, error.__traceback__, capture_locals=True)
            shown += [line for line in told.format() if "planted" not in line and "secret = " not in line]
    return "".join(_only_frames_of_ours(shown)).encode()


def _only_frames_of_ours(lines: list[str]) -> list[str]:
    return [line for line in lines if "_fails" in line or "credential" in line]


def _fails(credential: object, settings: Settings) -> None:
    raise ValueError("it failed")


def values_themselves(field: Field) -> bytes:
    """Write what is held into text, JSON and pickles."""
    shown = [repr(field.settings), str(field.settings), field.settings.model_dump_json(), repr(field.installation)]
    for secret in field.planted:
        if secret.kind != "issued":
            shown += [
                str(secret.held),
                repr([secret.held]),
                f"{secret.held}",
                json.dumps({"a": secret.held}, default=str),
            ]
            with suppress(TypeError):
                shown.append(repr(pickle.dumps(secret.held)) if isinstance(secret.held, Secret) else "")
    return "\n".join(shown).encode()


def stored_rows(field: Field) -> bytes:
    """Store each credential, and read every row of every table."""
    tenant = create_tenant(field.installation.database, "hunted", "Hunted")
    keyring = Keyring(field.installation.database, MasterKeys.of(field.settings))
    for secret in field.planted:
        if secret.kind == "stored":
            keyring.store(tenant.id, secret.name, secret.value.encode())
    return _every_row(field.admin_url)


def _every_row(admin_url: str) -> bytes:
    with psycopg.connect(admin_url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT LIKE 'pg\\_%'"
            " AND schemaname <> 'information_schema'"
        ).fetchall()
        rows = [str(row) for (table,) in tables for row in connection.execute(f"SELECT t::text FROM {table} AS t")]
        # Bytes are shown in hexadecimal; the hunt knows that form.
        return "\n".join(rows).encode()


def runs_of_dagster(field: Field) -> bytes:
    """Let stages fail with secrets in their errors, once each and once unforeseen; read all that Dagster stored."""
    home = field.folder / f"dagster-{len(list(field.folder.iterdir()))}"
    home.mkdir()
    with DagsterInstance.local_temp(str(home)) as instance, _logging(field.settings, "json"):
        for fault in (CredentialError, RuntimeError):
            _drain(field, instance, fault)
        told = [str(event) for run in instance.get_runs() for event in instance.all_logs(run.run_id)]
        told += [f"{run.run_config} {run.tags}" for run in instance.get_runs()]
    return "\n".join(told).encode() + b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def _drain(field: Field, instance: DagsterInstance, fault: type[Exception]) -> None:
    database = field.installation.database
    tenant = create_tenant(database, "hunted", "Hunted")
    days = {today() - timedelta(days=place): secret for place, secret in enumerate(field.planted)}
    with database.tenant_tx(tenant.id) as connection:
        announce_days(connection, tenant.id, days, "import")
    move_announcements(field.installation)

    def stage(_context: Context, partition: stages.Partition) -> None:
        sys.stdout.write(f"{days[partition.day].held}\n" if days[partition.day].kind != "issued" else "")
        secret = days[partition.day]
        raise fault("; ".join([*secret.contexts(), secret.value if secret.kind == "settings" else ""]))

    for batch_id in ledger.build_batches(database):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(stages.Stage, "function", lambda _self: stage)
            patched.setattr(resources, "_open", lambda: field.installation)
            definitions.resolve_job_def("drain").execute_in_process(
                run_config={"ops": {"drain_batch": {"config": {"batch_id": str(batch_id)}}}},
                instance=instance,
                raise_on_error=False,
            )
    with psycopg.connect(field.admin_url, autocommit=True) as connection:
        connection.execute("UPDATE work SET state = 'failed' WHERE state IN ('pending', 'batched')")


def jobs_and_ledger(field: Field) -> bytes:
    """Read what failed stages left in the ledger, jobs, outbox, queue, limits and audit."""
    return _every_row(field.admin_url)


def objects(field: Field) -> bytes:
    """Read all that lies in the data folder."""
    return b"".join(
        str(path).encode() + path.read_bytes() for path in (field.folder / "data").rglob("*") if path.is_file()
    )


def metrics(field: Field) -> bytes:
    """Read the figures."""
    return generate_latest(REGISTRY)


def commands(field: Field) -> bytes:
    """Run the commands that show settings, on servers that do not answer."""
    environment = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in _variables(field.settings).items()
    }
    runner = CliRunner()
    return b"".join(
        runner.invoke(cli, arguments, env=environment).stdout_bytes
        for arguments in (["settings"], ["settings", "--json"], ["doctor"], ["doctor", "--json"], ["migrate"])
    )


def _variables(settings: Settings) -> dict[str, object]:
    from opsintel.settings import variable_of

    return {
        variable_of(name): value for name in Settings.model_fields if (value := getattr(settings, name)) is not None
    }


CHANNELS: tuple[Callable[[Field], bytes], ...] = (
    json_lines, text_lines, locals_of_tracebacks, values_themselves, stored_rows, runs_of_dagster, jobs_and_ledger,
    objects, metrics, commands,
)  # fmt: skip


@contextmanager
def guards_off() -> Iterator[None]:
    """Take all guards away: redaction, hidden values, Dagster's redaction, and the seal."""

    def shown(secret: Secret) -> str:
        return secret.reveal().decode()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Redactor, "__call__", lambda _self, text: text)
        for name in ("__str__", "__repr__"):
            patched.setattr(Secret, name, shown)
        patched.setattr(Secret, "__format__", lambda secret, _spec: shown(secret))
        patched.setattr(SecretStr, "_display", lambda secret: secret.get_secret_value())
        patched.setattr(envelope, "encrypt", lambda _key, _nonce, plaintext, _associated: plaintext)
        patched.setenv("DAGSTER_REDACT_USER_CODE_ERRORS", "0")
        patched.setattr(stages, "describe", lambda error, _settings: str(error))
        yield


class TestFortySecrets:
    def test_are_forty(self, field: Field) -> None:
        assert len(field.planted) >= 40
        assert len({secret.value for secret in field.planted}) == len(field.planted)

    @pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.__name__)
    def test_never_come_out(self, field: Field, channel: Callable[[Field], bytes], monkeypatch) -> None:
        monkeypatch.setenv("DAGSTER_REDACT_USER_CODE_ERRORS", "1")
        seen = channel(field)
        assert sorted(hunted(field.planted, seen)) == []
        assert seen or channel is objects

    async def test_are_in_no_answer(self, field: Field) -> None:
        settings = field.installation.settings
        assert settings.db_url is not None
        app = create_app(settings, settings.db_url)
        async with app.router.lifespan_context(app):
            assert await _answers(app, field.planted)

    def test_all_come_out_without_the_guards(self, field: Field, request: pytest.FixtureRequest) -> None:
        found: dict[str, set[str]] = {}
        with guards_off():
            for channel in CHANNELS:
                found[channel.__name__] = hunted(field.planted, channel(field))
        lacking = {secret.name for secret in field.planted} - set().union(*found.values())
        assert lacking == set()
        for channel in ("json_lines", "text_lines", "values_themselves", "runs_of_dagster", "stored_rows"):
            assert found[channel], f"{channel} shows nothing even without guards: it proves nothing"


async def _answers(app: FastAPI, planted: list[Planted]) -> int:
    """Send each secret where it does not belong: the answer does not repeat it."""
    count = 0
    for secret in planted:
        for asked, token in (
            (Asked("POST", "/v1/auth/login", body={"email": "a@b.example", "password": [secret.value]}), ""),
            (Asked("POST", "/v1/auth/login", body={"email": "a@b.example", "password": "x", "more": secret.value}), ""),
            (Asked("GET", "/v1/issues"), secret.value),
            (Asked("GET", "/v1/issues", (("cursor", secret.value),)), secret.value),
            (Asked("POST", "/v1/auth/refresh", headers=(("cookie", f"opsintel_refresh={secret.value}"),)), ""),
        ):
            answer = await send(app, asked, token)
            assert hunted([secret], answer.everything) == set(), f"{asked.path} repeats {secret.name}"
            count += 1
    return count
