"""A server as a provider hands it out: no superuser, one login that may create roles and owns the database."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from opsintel.access.analysts import add_analyst, remove_analyst
from opsintel.db.connect import DatabaseUrls
from opsintel.db.embedded import ADMIN, SERVICE, Access, EmbeddedServer
from opsintel.db.engine import Database
from opsintel.db.lint import declared, examine
from opsintel.db.migrate import current_revision, migrate
from opsintel.db.roles import ROLES
from opsintel.errors import DatabaseError
from opsintel.tenants import create_tenant, find_tenant
from tests.access.analyst_logins import AnalystLogin
from tests.db.test_isolation import ADD

OWNERS = """
    SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname IN ('public', 'mart', 'gate', 'erasure')
"""


@pytest.fixture(scope="module")
def managed() -> Iterator[Access]:
    folder = Path(tempfile.mkdtemp(prefix="opsintel-managed-"))
    folder.chmod(0o755)
    try:
        with EmbeddedServer(folder).use() as access:
            with psycopg.connect(access.url(ADMIN, "postgres"), autocommit=True) as connection:
                connection.execute("CREATE ROLE provider LOGIN CREATEROLE CREATEDB NOSUPERUSER PASSWORD 'p'")
            with psycopg.connect(access.url(ADMIN, "template1"), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION vector")  # which a provider offers, and only a superuser makes
            yield access
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def url(managed: Access) -> str:
    """Address of a new database for the provider's login."""
    address = Access(managed.port, managed.passwords | {"provider": "p"})
    with psycopg.connect(address.url("provider", "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE ours")
        connection.execute(f"GRANT CONNECT ON DATABASE ours TO {SERVICE}")
    return address.url("provider", "ours")


@pytest.fixture(scope="module")
def migrated(url: str) -> None:
    migrate(url, login=SERVICE)


@pytest.mark.usefixtures("migrated")
class TestWithoutASuperuser:
    def test_the_owner_owns_everything(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            assert connection.execute(OWNERS).fetchall() == [("opsintel_owner",)]

    def test_the_catalogue_is_as_declared_but_for_what_a_provider_leaves_open(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            broken = examine(connection, declared(connection, SERVICE))
        assert {found.rule.name for found in broken} == {"function-of-the-server-open"}
        assert {found.rule.weight for found in broken} == {"warning"}

    def test_no_role_may_log_in_or_bypass_row_security(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = ANY(%s)",
                (list(ROLES),),
            ).fetchall()
        assert {row[0] for row in found} == set(ROLES)
        assert all(row[1:] == (False, False, False) for row in found)

    def test_the_application_works(self, managed: Access) -> None:
        with Database(managed.url(SERVICE, "ours")) as database:
            tenant = create_tenant(database, "managed", "Managed")
            with database.tenant_tx(tenant.id) as connection:
                connection.execute(ADD, (tenant.id, tenant.id, "k"))
                assert connection.execute("SELECT count(*) FROM source").fetchone() == (1,)

    @pytest.mark.parametrize("table", ["tenant", "message", "secret"])
    def test_the_login_of_migrations_has_no_rights_on_tables_by_itself(self, url: str, table: str) -> None:
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT * FROM {table}")

    def test_the_owner_itself_is_bound_by_row_security(self, url: str, managed: Access) -> None:
        with Database(managed.url(SERVICE, "ours")) as database:
            create_tenant(database, "bound", "Bound")
        with psycopg.connect(url) as connection:
            connection.execute("SET ROLE opsintel_owner")
            assert connection.execute("SELECT count(*) FROM tenant").fetchone() == (0,)

    def test_back_ups_read_all_rows_and_write_none(self, url: str, managed: Access) -> None:
        with Database(managed.url(SERVICE, "ours")) as database:
            create_tenant(database, "one", "One")
            create_tenant(database, "two", "Two")
        with psycopg.connect(url) as connection:
            connection.execute("SET ROLE opsintel_backup")
            slugs = {row[0] for row in connection.execute("SELECT slug FROM tenant")}
            assert {"one", "two"} <= slugs
            for statement in ("DELETE FROM tenant", "UPDATE tenant SET name = ''", "CREATE TABLE mine (a int)"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    connection.execute(statement)

    def test_migrations_change_rows_although_row_security_is_forced(self, url: str, managed: Access) -> None:
        newest = current_revision(url)[1]
        with Database(managed.url(SERVICE, "ours")) as database:
            tenant = create_tenant(database, "kept", "Kept")
            with database.system_tx() as connection:
                connection.execute(
                    "INSERT INTO work (tenant_id, id, partition_day, state) VALUES (%s, %s, '2026-11-01', 'cancelled')",
                    (tenant.id, tenant.id),
                )
        assert migrate(url, login=SERVICE, target="0005") == "0005"
        assert current_revision(url) == ("0005", newest)
        assert migrate(url, login=SERVICE) == newest
        with Database(managed.url(SERVICE, "ours")) as database:
            assert find_tenant(database, "kept").id == tenant.id
            with database.system_tx() as connection:
                assert connection.execute("SELECT state FROM work").fetchone() == ("failed",)

    def test_analysts_are_made_locked_out_and_removed(self, url: str, managed: Access) -> None:
        service = managed.url(SERVICE, "ours")
        urls = DatabaseUrls(service, url, "")
        with Database(service) as database:
            tenant = create_tenant(database, "read", "Read")
            login = AnalystLogin(add_analyst(urls, tenant, "ana"))
            assert login.rows("SELECT count(*) FROM v_message") == [(0,)]
            with database.system_tx() as connection:
                connection.execute("UPDATE tenant SET suspended_at = now() WHERE id = %s", (tenant.id,))
            with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
                login.connect()
            remove_analyst(urls, tenant, "ana")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'analyst_read_ana'").fetchone() is None

    def test_what_another_login_owned_is_handed_over(self, url: str, managed: Access) -> None:
        with psycopg.connect(managed.url(ADMIN, "ours"), autocommit=True) as connection:
            connection.execute("ALTER TABLE message OWNER TO provider")
            connection.execute("ALTER SCHEMA public OWNER TO provider")
        migrate(url, login=SERVICE)
        with psycopg.connect(url) as connection:
            assert connection.execute(OWNERS).fetchall() == [("opsintel_owner",)]


class TestAnInstallationOfBefore:
    def test_comes_to_the_same(self, managed: Access) -> None:
        """Its tables belong to the login that migrated it, which may own the database and create roles."""
        address = Access(managed.port, managed.passwords | {"provider": "p"}).url("provider", "before")
        with psycopg.connect(managed.url(ADMIN, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE before OWNER provider")
        migrate(address, login=SERVICE)
        with psycopg.connect(managed.url(ADMIN, "before"), autocommit=True) as connection:
            connection.execute("REASSIGN OWNED BY opsintel_owner TO provider")
        migrate(address, login=SERVICE)
        with psycopg.connect(address) as connection:
            assert connection.execute(OWNERS).fetchall() == [("opsintel_owner",)]


class TestAnotherLoginsRoles:
    def test_are_named_with_what_to_do(self, managed: Access) -> None:
        with psycopg.connect(managed.url(ADMIN, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE stranger LOGIN CREATEROLE PASSWORD 's'")
            connection.execute("CREATE DATABASE theirs OWNER stranger")
        address = Access(managed.port, {"stranger": "s"}).url("stranger", "theirs")
        with pytest.raises(DatabaseError, match="belongs to another login") as refused:
            migrate(address, login="stranger")
        assert "GRANT" in refused.value.remedy
