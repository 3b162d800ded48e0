"""Dumps of the databases of `DB_URL`, and loading them into empty ones, by the programs that opsintel brings along."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsintel.backup.receipt import damaged, digest
from opsintel.dagster_home import ensure_dagster_database
from opsintel.db.connect import DatabaseUrls
from opsintel.db.migrate import migrate, prepare
from opsintel.db.recovery import is_empty
from opsintel.db.roles import BACKUP_ROLE
from opsintel.db.server_programs import ServerPrograms, cause_of
from opsintel.errors import DatabaseError, InputError, StorageError

OURS = "opsintel.dump"
DAGSTER = "dagster.dump"
_AS_BACKUP = (f"--role={BACKUP_ROLE}", "--enable-row-security")
"""Every row has a policy for this role: the login itself need bypass nothing."""


def take(urls: DatabaseUrls, programs: ServerPrograms, folder: Path) -> dict[str, str]:
    """Dump both databases, each as of one moment, and return the hashes of the files."""
    for name, url, options in ((OURS, urls.migration, _AS_BACKUP), (DAGSTER, urls.dagster, ())):
        done = _run(programs, "pg_dump", url, "--format=custom", "--file", str(folder / name), *options)
        if done.returncode != 0:
            cause = cause_of(done)
            if "No space left" in cause:
                raise StorageError(f"The disk of {folder} is full", remedy="Make room, then run this again")
            raise DatabaseError(
                f"The database gave no dump: {cause}",
                remedy="Run `opsintel migrate`; it lets the login of OPSINTEL_MIGRATION_URL read all rows",
            )
    return {name: digest(folder / name) for name in (OURS, DAGSTER)}


def load(urls: DatabaseUrls, programs: ServerPrograms, folder: Path) -> None:
    """Load both dumps; `InputError` where one of the databases holds tables already."""
    ensure_dagster_database(urls)
    for url, variable in ((urls.migration, "DB_URL"), (urls.dagster, "OPSINTEL_DAGSTER_DB_URL")):
        if not is_empty(url):
            raise InputError(f"The database of {variable} is not empty", remedy="Create a new one and name that")
    prepare(urls.migration, login=urls.login)
    for name, url in ((OURS, urls.migration), (DAGSTER, urls.dagster)):
        done = _run(
            programs, "pg_restore", url, "--no-owner", "--no-comments", "--exit-on-error", "--single-transaction",
            str(folder / name),
        )  # fmt: skip
        if done.returncode != 0:
            raise damaged(folder, f"{name}: {cause_of(done)}")
    migrate(urls.migration, login=urls.login)


def _run(programs: ServerPrograms, program: str, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a client program; the password goes by the environment, since everybody sees arguments."""
    parameters: dict[str, Any] = conninfo_to_dict(url)
    password = str(parameters.pop("password", "") or "")
    target = f"--dbname={make_conninfo(**parameters)}"
    return programs.client(program, target, "--no-password", *arguments, environment={"PGPASSWORD": password})
