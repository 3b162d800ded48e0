"""A real PostgreSQL with a fresh, migrated database for each test, and a mailbox to import."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance

from opsintel.context import Context
from opsintel.db import embedded
from opsintel.db.embedded import Access
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel.settings import load_settings
from opsintel_pipeline.defs import resources
from tests.servers import forgetful_server

TEMPLATE = "pipeline_template"


@pytest.fixture(scope="session")
def reachable_dir() -> Iterator[Path]:
    """A folder that the server's unprivileged user can reach also where root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(reachable_dir: Path) -> Iterator[Access]:
    with forgetful_server(reachable_dir / "server") as access:
        with psycopg.connect(access.url(embedded.ADMIN, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(access.url(embedded.ADMIN, TEMPLATE), login=embedded.SERVICE)
        yield access


@pytest.fixture
def context(server: Access, reachable_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """An installation of its own, which the definitions find through the environment."""
    name = f"test_{new_id().hex}"
    with psycopg.connect(server.url(embedded.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {embedded.SERVICE}")
    environment = {
        "DB_URL": server.url(embedded.SERVICE, name),
        "OPSINTEL_DATA_DIR": str(reachable_dir / name),
        "MASTER_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
    }
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(environment)
    with Database(environment["DB_URL"]) as database:
        opened = Context(database, open_objects(settings), settings)
        monkeypatch.setattr(resources, "_open", lambda: opened)
        yield opened
    with psycopg.connect(server.url(embedded.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
