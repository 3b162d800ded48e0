"""The lint of the catalogue, run on an installation's database."""

from __future__ import annotations

import psycopg

from opsintel.db.connect import DatabaseUrls
from opsintel.db.lint import Finding, declared, examine
from opsintel.errors import DatabaseError


def examine_database(urls: DatabaseUrls) -> list[Finding]:
    """Return what breaks a rule in an installation's database.

    Raises `DatabaseError` when it does not answer, or its login may not look.
    """
    try:
        with psycopg.connect(urls.migration, connect_timeout=10) as connection:
            return examine(connection, declared(connection, urls.login))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"The catalogue cannot be examined by this login: {str(error).splitlines()[0]}",
            remedy="Set OPSINTEL_MIGRATION_URL to the login that migrates the database",
        ) from None
    except psycopg.Error as error:
        raise DatabaseError(
            f"The catalogue cannot be examined: {str(error).splitlines()[0]}", remedy="Check DB_URL and the server"
        ) from error
