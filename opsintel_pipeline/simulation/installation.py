"""What all simulations of a process share: a database with witnesses and its own clock, tenants, their sources."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import psycopg

from opsintel.context import Context
from opsintel.db import witness
from opsintel.db.embedded import ADMIN, DATABASE, SERVICE, EmbeddedServer
from opsintel.db.migrate import migrate
from opsintel.objects.store import open_objects
from opsintel.settings import Settings, load_settings
from opsintel.sources.source import ensure_source
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.simulation.mailbox import Mailbox, SimulatedSource
from opsintel_pipeline.simulation.script import FaultyDatabase, Script

TENANTS = ("acme", "bolt", "corn")
POISON = "poison"
"""Reason of an announcement that the ledger's table refuses."""

_RESET: LiteralString = """
DELETE FROM outbox; DELETE FROM work; DELETE FROM batch; DELETE FROM queue_message; DELETE FROM quarantine;
DELETE FROM raw_payload; DELETE FROM source_state; DELETE FROM witness.accepted; DELETE FROM witness.entered;
DELETE FROM witness.finished; DELETE FROM witness.item; DELETE FROM witness.effect;
UPDATE witness.clock SET moment = pg_catalog.now()
"""


@dataclass
class Installation:
    """A migrated database of its own, for one simulation after the other."""

    context: Context
    database: FaultyDatabase
    witness: psycopg.Connection
    tenants: list[Tenant]

    def reset(self, script: Script) -> dict[str, SimulatedSource]:
        """Forget what the simulation before did, and return the sources of the tenants with empty mailboxes."""
        self.witness.execute(_RESET)
        self.database.script = _calm()
        sources = {tenant.slug: self._source(tenant) for tenant in self.tenants}
        self.database.script = script
        return sources

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.witness.execute("UPDATE witness.clock SET moment = moment + %s", (timedelta(seconds=seconds),))

    def _source(self, tenant: Tenant) -> SimulatedSource:
        with self.database.tenant_tx(tenant.id) as connection:
            row = connection.execute("SELECT id, tenant_id, kind, name, config FROM source").fetchone()
        assert row is not None
        source_id, tenant_id, kind, name, config = row
        return SimulatedSource(source_id, tenant_id, kind, name, config, mailbox=Mailbox())


@contextmanager
def open_installation(admin_url: str, service_url: str, settings: Settings) -> Iterator[Installation]:
    """Yield an installation on a migrated database that is used for nothing else."""
    with witness.connect(admin_url) as connection:
        witness.install(connection)
        witness.virtualize_time(connection)
        connection.execute(f"ALTER TABLE work ADD CONSTRAINT no_poison CHECK (reason <> '{POISON}')")
    with witness.connect(admin_url) as watching, FaultyDatabase(service_url, _calm()) as database:
        tenants = [create_tenant(database, slug, slug) for slug in TENANTS]
        for tenant in tenants:
            ensure_source(database, tenant.id, "jsonl", tenant.slug, {}, tenant.slug)
        yield Installation(Context(database, open_objects(settings), settings), database, watching, tenants)


def _calm() -> Script:
    script = Script(0)
    script.calm = True
    return script


@contextmanager
def temporary_installation() -> Iterator[Installation]:
    """Yield an installation on an embedded server of its own; both are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-simulation-"))
    folder.chmod(0o755)
    try:
        with EmbeddedServer(folder).use() as access:
            admin, service = access.url(ADMIN, DATABASE), access.url(SERVICE, DATABASE)
            migrate(admin, login=SERVICE)
            settings = load_settings({"OPSINTEL_DATA_DIR": str(folder), "DB_URL": service})
            with open_installation(admin, service, settings) as opened:
                yield opened
    finally:
        shutil.rmtree(folder, ignore_errors=True)
