"""Analysts' logins for tests: in a database of its own, whose grants a copy of the template lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from opsintel.access.analysts import add_analyst
from opsintel.db.connect import DatabaseUrls
from opsintel.db.embedded import SERVICE
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.tenants import find_tenant


@dataclass(frozen=True)
class AnalystLogin:
    """A login and how to use it."""

    url: str

    @property
    def role_name(self) -> str:
        """Return the name of the login."""
        return self.url.split("//")[1].split(":")[0]

    def connect(self) -> psycopg.Connection:
        """Return an open session."""
        return psycopg.connect(self.url, autocommit=True)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of one statement in a session of its own."""
        with self.connect() as connection:
            return connection.execute(statement).fetchall()


def opened(admin_url: str, database_url: str) -> DatabaseUrls:
    """Return the addresses of a module's database, after its grants were made."""
    migrate(admin_url, login=SERVICE)
    return DatabaseUrls(database_url, admin_url, "")


def login_for(urls: DatabaseUrls, slug: str, name: str = "ana", **options: Any) -> AnalystLogin:
    """Make an analyst of a tenant."""
    with Database(urls.service, max_size=1) as database:
        return AnalystLogin(add_analyst(urls, find_tenant(database, slug), name, **options))
