"""Analysts: logins of PostgreSQL that read the views of schema `mart`, each bound to one tenant.

The login is made by the gatekeeper's role over the connection of migrations, and the row that binds it in the same
transaction: neither is ever there without the other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.db.connect import DatabaseUrls
from opsintel.db.engine import SYSTEM_ROLE
from opsintel.db.roles import ANALYST_ROLE, GATEKEEPER_ROLE
from opsintel.errors import DatabaseError, InputError, NotFoundError
from opsintel.tenants import Tenant

NAME = re.compile(r"[a-z][a-z0-9_]{0,22}")
LONGEST_ROLE = 63
"""Bytes of a name in PostgreSQL (NAMEDATALEN - 1)."""

PASSWORD_BYTES = 24
OPERATOR = Actor("operator", "command line")


@dataclass(frozen=True, slots=True)
class Analyst:
    """An analyst's login as the operator sees it."""

    tenant: str
    name: str
    role_name: str
    sees_text: bool
    created_at: datetime
    valid_until: datetime | None
    rotated_at: datetime | None


def role_name(slug: str, name: str) -> str:
    """Return the name of an analyst's login, `analyst_<tenant>_<name>`; a long tenant's is cut and told by its hash."""
    fits = f"analyst_{slug}_{name}"
    if len(fits) <= LONGEST_ROLE:
        return fits
    mark = f"-{hashlib.sha256(slug.encode()).hexdigest()[:12]}"
    room = LONGEST_ROLE - len(f"analyst__{name}") - len(mark)
    return f"analyst_{slug[:room]}{mark}_{name}"


def add_analyst(
    urls: DatabaseUrls, tenant: Tenant, name: str, *, sees_text: bool = False, valid_days: int | None = None
) -> str:
    """Make an analyst's login and return its connection string, which is shown once.

    Raises `InputError` for an unusable name or one that is taken, `DatabaseError` where the login of migrations may not
    make logins.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"'{name}' cannot be an analyst's name", remedy="Use a to z, 0 to 9 and _, at most 23 characters"
        )
    if valid_days is not None and valid_days < 1:
        raise InputError(f"A login cannot be valid for {valid_days} days", remedy="Give at least 1")
    login, password = role_name(tenant.slug, name), secrets.token_urlsafe(PASSWORD_BYTES)
    with _gatekeeper_tx(urls) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone():
            raise InputError(f"{tenant.slug} has an analyst '{name}' already", remedy="Choose another name, or rotate")
        _make_login(connection, login, password)
        _take(connection, SYSTEM_ROLE)
        row = connection.execute(
            "INSERT INTO analyst (role_name, tenant_id, name, sees_text, valid_until) VALUES"
            " (%s, %s, %s, %s, now() + make_interval(days => %s)) RETURNING valid_until,"
            " (SELECT suspended_at FROM tenant WHERE id = tenant_id)",
            (login, tenant.id, name, sees_text, valid_days),
        ).fetchone()
        assert row is not None
        _record(connection, tenant, login, "analyst.added", {"sees_text": sees_text, "valid_days": valid_days})
        _take(connection, GATEKEEPER_ROLE)
        _bound_in_time(connection, login, row[0])
        if row[1] is not None:
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(login)))
    return _address(urls, login, password)


def list_analysts(urls: DatabaseUrls, tenant: Tenant | None = None) -> list[Analyst]:
    """Return the analysts of a tenant, or of all; oldest first."""
    with _gatekeeper_tx(urls) as connection:
        _take(connection, SYSTEM_ROLE)
        rows = connection.execute(
            "SELECT tenant.slug, analyst.name, role_name, sees_text, analyst.created_at, valid_until, rotated_at"
            " FROM analyst JOIN tenant ON tenant.id = tenant_id"
            " WHERE %(tenant)s::uuid IS NULL OR tenant_id = %(tenant)s ORDER BY tenant.slug, analyst.created_at",
            {"tenant": tenant and tenant.id},
        ).fetchall()
    return [Analyst(*row) for row in rows]


def rotate_analyst(urls: DatabaseUrls, tenant: Tenant, name: str) -> str:
    """Give an analyst's login a new password, end its sessions, and return its new connection string."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with _gatekeeper_tx(urls) as connection:
        _take(connection, SYSTEM_ROLE)
        row = connection.execute(
            "UPDATE analyst SET rotated_at = now() WHERE tenant_id = %s AND name = %s RETURNING role_name",
            (tenant.id, name),
        ).fetchone()
        if row is None:
            raise _no_such(tenant, name)
        login = str(row[0])
        _record(connection, tenant, login, "analyst.rotated", {})
        _take(connection, GATEKEEPER_ROLE)
        connection.execute(_with_password(connection, "ALTER", login, password))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (login,))
    return _address(urls, login, password)


def remove_analyst(urls: DatabaseUrls, tenant: Tenant, name: str) -> None:
    """Remove an analyst's login and end its sessions; `NotFoundError` when there is none.

    The row alone is deleted here: a trigger drops the login, whoever deletes it (a tenant's erasure as well).
    """
    with _gatekeeper_tx(urls) as connection:
        _take(connection, SYSTEM_ROLE)
        row = connection.execute(
            "DELETE FROM analyst WHERE tenant_id = %s AND name = %s RETURNING role_name", (tenant.id, name)
        ).fetchone()
        if row is None:
            raise _no_such(tenant, name)
        _record(connection, tenant, str(row[0]), "analyst.removed", {})


@contextmanager
def _gatekeeper_tx(urls: DatabaseUrls) -> Iterator[psycopg.Connection]:
    """Yield a transaction of the login of migrations that acts as the gatekeeper."""
    try:
        with psycopg.connect(urls.migration, connect_timeout=10) as connection:
            _take(connection, GATEKEEPER_ROLE)
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"Analysts' logins cannot be made: {str(error).splitlines()[0]}",
            remedy="Set OPSINTEL_MIGRATION_URL to the login that migrates the database",
        ) from None
    except psycopg.OperationalError as error:
        raise DatabaseError(
            f"The database cannot be reached: {str(error).splitlines()[0]}", remedy="Check OPSINTEL_MIGRATION_URL"
        ) from None


def _take(connection: psycopg.Connection, role: str) -> None:
    connection.execute("SELECT set_config('role', %s, true)", (role,))


def _make_login(connection: psycopg.Connection, login: str, password: str) -> None:
    """Make a login that is a member of `opsintel_analyst`, and that the gatekeeper may look at and end."""
    name = sql.Identifier(login)
    connection.execute(_with_password(connection, "CREATE", login, password))
    connection.execute(
        sql.SQL("GRANT {} TO {} WITH INHERIT TRUE, SET FALSE").format(sql.Identifier(ANALYST_ROLE), name)
    )
    connection.execute(
        sql.SQL("GRANT {} TO {} WITH INHERIT TRUE, SET FALSE").format(name, sql.Identifier(GATEKEEPER_ROLE))
    )
    connection.execute("SELECT gate.set_defaults(%s)", (login,))


def _with_password(connection: psycopg.Connection, verb: str, login: str, password: str) -> sql.Composed:
    """Return the statement that sets a password; the server sees, and logs, its SCRAM verifier only."""
    verifier = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
    rights = " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS" if verb == "CREATE" else ""
    return sql.SQL("{} ROLE {}{} PASSWORD {}").format(
        sql.SQL(verb), sql.Identifier(login), sql.SQL(rights), sql.Literal(verifier)
    )


def _bound_in_time(connection: psycopg.Connection, login: str, until: datetime | None) -> None:
    """Let the login end with its row; without an end it never does by itself."""
    moment = until.isoformat() if until else "infinity"
    connection.execute(sql.SQL("ALTER ROLE {} VALID UNTIL {}").format(sql.Identifier(login), sql.Literal(moment)))


def _record(
    connection: psycopg.Connection, tenant: Tenant, login: str, action: str, details: dict[str, str | int | bool | None]
) -> None:
    record(connection, Entry(tenant.id, OPERATOR, action, Subject("analyst", login), details))


def _address(urls: DatabaseUrls, login: str, password: str) -> str:
    """Return the connection string: server and database are those of DB_URL."""
    given = {name: str(value) for name, value in conninfo_to_dict(urls.service).items()}
    host = given.get("host", "localhost")
    query = urlencode([(name, value) for name, value in given.items() if name in ("sslmode", "sslrootcert")])
    place = f"[{host}]" if ":" in host else quote(host, safe="")
    address = f"postgresql://{login}:{password}@{place}:{given.get('port', '5432')}/{quote(given.get('dbname', login))}"
    return f"{address}?{query}" if query else address


def _no_such(tenant: Tenant, name: str) -> NotFoundError:
    return NotFoundError(f"{tenant.slug} has no analyst '{name}'", remedy="`opsintel analyst list` shows them")
