"""One trace from the page that was accepted to the row that was exported."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from opsintel import tracing
from opsintel.cli import trace as command
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import InputError, NotFoundError
from opsintel.objects.store import open_objects
from opsintel.queue.contract import PARTITION_DIRTY, Announcement
from opsintel.queue.wire import RefusedError, decode, encode
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from opsintel.trail import trail_of
from opsintel_pipeline.act.targets import ensure_sheet
from opsintel_pipeline.worker.inline import process_waiting
from tests.peers.sheets import Spreadsheet, sheets_server
from tests.pipeline.mailbox import import_mailbox, write_mailbox


def announcement(**payload: object) -> Announcement:
    fields = {"day": "2026-11-25", "reason": "import", **payload}
    return Announcement(uuid4(), uuid4(), PARTITION_DIRTY, fields)


class TestOnTheWire:
    def test_a_trace_is_optional_so_that_older_announcements_are_read(self) -> None:
        assert "trace_id" not in decode(encode(announcement())).payload
        assert decode(encode(announcement(trace_id="a" * 32))).payload["trace_id"] == "a" * 32

    @pytest.mark.parametrize("trace_id", ["short", "A" * 32, 7, "a" * 31 + "\n"])
    def test_a_trace_that_is_none_is_refused(self, trace_id: object) -> None:
        with pytest.raises(RefusedError, match="no 32 hexadecimal digits"):
            decode(encode(announcement(trace_id=trace_id)))


def service_account(address: str) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"type": "service_account", "client_email": "robot@project.example", "private_key": key.decode()}
    return json.dumps(account | {"token_uri": f"{address}/token"}).encode()


class Recorder(logging.Handler):
    """Notes under which trace each logger of ours writes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, str, str]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        trace = tracing.current()
        self.seen.add((record.name, trace.trace_id, trace.tenant))


class TestFromMessageToExportedRow:
    def test_it_is_one_and_the_same(
        self, database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_mailbox(tmp_path / "mails.mbox", (3, 2))
        recorder = Recorder()
        logging.getLogger("opsintel_pipeline").addHandler(recorder)
        # Whatever other tests did to logging.
        monkeypatch.setattr(logging.root.manager, "_disable", logging.NOTSET)
        for name in ("opsintel_pipeline.ingest.pages", "opsintel_pipeline.worker.stages"):
            monkeypatch.setattr(logging.getLogger(name), "disabled", False)
            monkeypatch.setattr(logging.getLogger(name), "_cache", {})
            monkeypatch.setattr(logging.getLogger(name), "level", logging.INFO)
        sheet = Spreadsheet()
        sheet.add("Notes")
        with sheets_server(sheet) as address:
            pointed = settings.model_copy(update={"google_sheets_endpoint": address})
            context = Context(database, open_objects(pointed), pointed)
            tenant = create_tenant(database, "acme", "Acme")
            ensure_sheet(context, tenant.id, "spreadsheet-1", "issues", service_account(address))
            import_mailbox(context, tmp_path / "mails.mbox", "acme")
            with database.tenant_tx(tenant.id) as connection:
                ((trace_id,),) = connection.execute("SELECT DISTINCT trace_id FROM raw_payload").fetchall()
            (waiting,) = trail_of(database, trace_id)
            process_waiting(context)
        logging.getLogger("opsintel_pipeline").removeHandler(recorder)

        assert tracing.TRACE_ID.fullmatch(trace_id)
        assert len(waiting.announced) == 2
        (trail,) = trail_of(database, trace_id)
        assert (trail.tenant, trail.announced) == ("acme", [])
        assert {row["state"] for row in trail.work} == {"done"}
        assert {row["run_id"] for row in trail.work} == {"inline"}
        assert len(trail.messages) == 8
        exported = [row for row in trail.messages if row["exported_at"]]
        assert {row["exported_by"] for row in exported} == {trace_id}
        assert all(row["issue"] and row["export_state"] == "written" for row in exported)
        for logger in ("opsintel_pipeline.ingest.pages", "opsintel_pipeline.worker.stages"):
            assert (logger, trace_id, "acme") in recorder.seen

        monkeypatch.setenv("DB_URL", settings.db_url or "")
        done = CliRunner().invoke(command.app, [trace_id, "--json"])
        assert done.exit_code == 0, done.output
        assert len(json.loads(done.output)["tenants"][0]["messages"]) == 8
        assert "router" not in done.output

    def test_that_is_none_or_unknown_is_said(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DB_URL", settings.db_url or "")
        for text, error in (("nonsense", InputError), ("f" * 32, NotFoundError)):
            assert isinstance(CliRunner().invoke(command.app, [text]).exception, error)
