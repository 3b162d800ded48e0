"""Back-ups of an installation on a PostgreSQL of the operator's: dumps, loaded into empty databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from opsintel.db.embedded import ADMIN, SERVICE, Access
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.tenants import create_tenant
from tests.operations.installation import Installation


def on(access: Access, installation: Installation, database: str) -> Installation:
    """Let the installation be on a database, and on one of its own for Dagster."""
    installation.variables |= {
        "DB_URL": access.url(SERVICE, database),
        "OPSINTEL_MIGRATION_URL": access.url(ADMIN, database),
        "OPSINTEL_DAGSTER_DB_URL": access.url(ADMIN, f"{database}_dagster"),
    }
    return installation


@pytest.fixture
def databases(server: Access) -> Iterator[tuple[str, str]]:
    """Names of two databases; the second is empty."""
    names = f"dump_{new_id().hex}", f"dump_{new_id().hex}"
    with psycopg.connect(server.url(ADMIN, "postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {SERVICE}")
        connection.execute(f"CREATE DATABASE {names[0]}_dagster")
        yield names
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS {name}_dagster WITH (FORCE)")
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class TestDumps:
    def test_bring_rows_policies_and_dagsters_database_back(
        self, server: Access, databases: tuple[str, str], tmp_path: Path
    ) -> None:
        source, target = databases
        installation = on(server, Installation(tmp_path), source)
        with psycopg.connect(server.url(ADMIN, f"{source}_dagster")) as connection:
            connection.execute("CREATE TABLE runs AS SELECT 7 AS id")
        migrate(server.url(ADMIN, source), login=SERVICE)
        with Database(server.url(SERVICE, source)) as database:
            acme = create_tenant(database, "acme", "Acme")
        backup = installation.back_up()
        assert (backup.receipt.kind, backup.receipt.any_moment) == ("dump", False)

        on(server, installation, target)
        restored = Installation(tmp_path / "new", installation.variables | {"OPSINTEL_BACKUP_DIR": str(tmp_path / "b")})
        restored.restore_from(installation.repository.root)

        with Database(server.url(SERVICE, target)) as database, database.tenant_tx(acme.id) as connection:
            assert connection.execute("SELECT slug FROM tenant").fetchall() == [("acme",)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT token_hash FROM refresh_token")
        with psycopg.connect(server.url(ADMIN, f"{target}_dagster")) as connection:
            assert connection.execute("SELECT id FROM runs").fetchall() == [(7,)]
        with pytest.raises(InputError, match="DB_URL is not empty"):
            Installation(tmp_path / "again", installation.variables).restore_from(installation.repository.root)
        with pytest.raises(InputError, match="its own moment only"):
            Installation(tmp_path / "again", installation.variables).restore_from(
                installation.repository.root, "2099-01-01T00:00:00Z"
            )
