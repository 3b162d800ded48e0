"""Migrations, forward and back, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from opsintel.db.roles import OWNER_ROLE, acting_as, apply_roles, take_ownership
from opsintel.db.security import apply_security, close_after_migrations, open_for_migrations
from opsintel.errors import DatabaseError, InputError

_MIGRATIONS = Path(__file__).parent / "migrations"
OLDEST_SERVER = 160000
LOCK_KEY = 0x6F707369
"""Key of the advisory lock that lets one process migrate at a time ("opsi")."""


def sqlalchemy_url(url: str, driver: str = "psycopg") -> str:
    """Return a PostgreSQL address with SQLAlchemy's driver in its scheme."""
    return f"postgresql+{driver}://{url.partition('://')[2]}"


def migrate(migration_url: str, *, login: str, target: str = "head") -> str:
    """Bring the schema to `target` ("head", "base", or a revision) and return the revision reached.

    `login` is the user name of DB_URL, which becomes a member of the application's roles. A login without rights to
    make roles changes nothing, and finds the newest schema in place. Raises `DatabaseError` when the server is too old,
    lacks pgvector or refuses, and when such a login finds an older schema or one that is newer than this version knows;
    `InputError` for a target that is none.
    """
    with _connection(migration_url) as connection:
        if target == "head" and not _may_migrate(connection):
            return _require_newest(connection)
        _require_server(connection)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        apply_roles(connection, login)
        take_ownership(connection)
        with acting_as(connection, OWNER_ROLE):
            reached = _go(connection, target)
        # Policies and grants are those of the newest schema, whose tables an older one lacks.
        if reached == _revisions()[-1]:
            apply_security(connection, login)
        else:
            close_after_migrations(connection, login)
        return reached


def _go(connection: sqlalchemy.Connection, target: str) -> str:
    """Take the steps to a target, as the role that owns the tables, and return the revision reached."""
    config, steps = _config(connection), _steps(connection, target)
    if steps:
        open_for_migrations(connection)
    if steps < 0:
        command.downgrade(config, target)
    else:
        command.upgrade(config, target)
    return _revision(connection)


def prepare(migration_url: str, *, login: str) -> None:
    """Make what a dump of ours finds in place when it is loaded: the roles, and pgvector. Raises as `migrate` does."""
    with _connection(migration_url) as connection:
        _require_server(connection)
        apply_roles(connection, login)


def current_revision(migration_url: str) -> tuple[str, str]:
    """Return the revision of the database ("base" when empty) and the newest one known."""
    with _connection(migration_url) as connection:
        return _revision(connection), _revisions()[-1]


def goes_back(migration_url: str, target: str) -> bool:
    """Tell whether `target` is older than the schema, so that going there removes data. Raises as `migrate` does."""
    with _connection(migration_url) as connection:
        return _steps(connection, target) < 0


def _steps(connection: sqlalchemy.Connection, target: str) -> int:
    """Return how many steps the target is ahead of the schema; fewer than 0 where it is behind."""
    known = _revisions()
    if target != "head" and target not in known:
        raise InputError(f"There is no revision '{target}' of the schema", remedy=f"Use head, {', '.join(known)}")
    current = _revision(connection)
    if current not in known:
        raise DatabaseError(
            f"The schema is at {current}, which this version of opsintel does not know",
            remedy="Use the version that brought it there, or a newer one",
        )
    return known.index(known[-1] if target == "head" else target) - known.index(current)


def _revision(connection: sqlalchemy.Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or "base"


def _revisions() -> list[str]:
    """Return all revisions, oldest first, beginning with the empty schema."""
    known = [found.revision for found in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()]
    return ["base", *reversed(known)]


@cache
def newest_revision() -> str:
    """Return the newest revision that this version of opsintel knows."""
    return _revisions()[-1]


def _may_migrate(connection: sqlalchemy.Connection) -> bool:
    rights = connection.execute(text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"))
    return bool(rights.scalar_one())


def _require_newest(connection: sqlalchemy.Connection) -> str:
    current, newest = _revision(connection), _revisions()[-1]
    if current != newest:
        raise DatabaseError(
            f"The schema is at {current}, not {newest}, and this login may not change it",
            remedy="Run `opsintel migrate` with OPSINTEL_MIGRATION_URL set to a login that may create roles",
        )
    return current


def _config(connection: sqlalchemy.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _require_server(connection: sqlalchemy.Connection) -> None:
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    if version < OLDEST_SERVER:
        raise DatabaseError(f"PostgreSQL {version // 10000} is too old", remedy="Use PostgreSQL 16, 17 or 18")
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))


@contextmanager
def _connection(url: str) -> Iterator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise DatabaseError(f"The database cannot be reached: {error.orig}", remedy="Check DB_URL") from None
    except DBAPIError as error:
        raise DatabaseError(
            f"The migration was refused: {error.orig}", remedy="OPSINTEL_MIGRATION_URL needs rights to create roles"
        ) from error
    finally:
        engine.dispose()
