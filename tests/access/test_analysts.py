"""Analysts' logins: made, listed, rotated, removed, and locked out with their tenant."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pandas
import psycopg
import pytest
import sqlalchemy

from opsintel.access.analysts import LONGEST_ROLE, add_analyst, list_analysts, remove_analyst, role_name, rotate_analyst
from opsintel.db.connect import DatabaseUrls
from opsintel.db.engine import Database
from opsintel.db.migrate import sqlalchemy_url
from opsintel.errors import InputError, NotFoundError
from opsintel.tenants import create_tenant, find_tenant
from tests.access.analyst_logins import AnalystLogin, login_for, opened
from tests.seeding import Seeded, seed_tenant

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"


@pytest.fixture(scope="module")
def urls(admin_url: str, database_url: str) -> DatabaseUrls:
    return opened(admin_url, database_url)


@pytest.fixture(scope="module")
def seeded(urls: DatabaseUrls, database: Database) -> Seeded:
    return seed_tenant(database, f"shop-{uuid4().hex[:12]}", canary="xyzzy")


@pytest.fixture
def made(urls: DatabaseUrls, seeded: Seeded) -> Iterator[Callable[..., AnalystLogin]]:
    """Makes analysts of the tenant, which are removed in the end: roles belong to the whole server."""
    names: list[str] = []

    def make(name: str = "ana", **options: object) -> AnalystLogin:
        names.append(name)
        return login_for(urls, seeded.slug, name, **options)

    yield make
    with Database(urls.service, max_size=1) as database, psycopg.connect(urls.migration) as connection:
        connection.execute("UPDATE tenant SET suspended_at = NULL")
        connection.commit()
        tenant = find_tenant(database, seeded.slug)
        for analyst in list_analysts(urls, tenant):
            remove_analyst(urls, tenant, analyst.name)


def suspend(database: Database, seeded: Seeded, *, suspended: bool) -> None:
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE tenant SET suspended_at = CASE WHEN %s THEN now() END WHERE id = %s", (suspended, seeded.tenant_id)
        )


class TestNames:
    @pytest.mark.parametrize("slug", ["a", "acme", "a" * 63, "b-" * 31 + "b"])
    @pytest.mark.parametrize("name", ["a", "a" * 23])
    def test_fit_into_a_name_of_postgresql(self, slug: str, name: str) -> None:
        made = role_name(slug, name)
        assert len(made) <= LONGEST_ROLE
        assert made.startswith("analyst_")
        assert made.endswith(f"_{name}")

    def test_of_long_tenants_differ(self) -> None:
        assert role_name("a" * 62 + "b", "ana") != role_name("a" * 63, "ana")

    @pytest.mark.parametrize("name", ["", "Ana", "a b", 'a"b', "1a", "a" * 24, "ä", "a;drop", "a\n"])
    def test_that_are_no_words_are_refused(
        self, urls: DatabaseUrls, database: Database, seeded: Seeded, name: str
    ) -> None:
        with pytest.raises(InputError, match="cannot be an analyst's name"):
            add_analyst(urls, find_tenant(database, seeded.slug), name)

    def test_are_taken_once(self, made: Callable[..., AnalystLogin]) -> None:
        made()
        with pytest.raises(InputError, match="already"):
            made()


class TestALogin:
    def test_sees_its_tenants_rows(self, made: Callable[..., AnalystLogin]) -> None:
        assert made().rows("SELECT count(*) FROM v_message") == [(25,)]

    def test_sees_no_text_unless_it_was_granted(self, made: Callable[..., AnalystLogin]) -> None:
        query = "SELECT count(subject), count(text), count(author_name), count(channel) FROM v_message"
        assert made("blind").rows(query) == [(0, 0, 0, 0)]
        assert made("reader", sees_text=True).rows(query) == [(25, 25, 25, 25)]

    def test_works_with_pandas(self, made: Callable[..., AnalystLogin]) -> None:
        engine = sqlalchemy.create_engine(sqlalchemy_url(made().url), poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            frame = pandas.read_sql(sqlalchemy.text("SELECT number, title FROM mart.v_issue_current"), connection)
        assert set(frame["number"]) == {1, 2}

    def test_begins_with_its_limits(self, made: Callable[..., AnalystLogin]) -> None:
        with made().connect() as connection:
            shown = {
                name: connection.execute(f"SHOW {name}").fetchone()
                for name in ("statement_timeout", "default_transaction_read_only", "search_path", "lock_timeout")
            }
        assert shown == {
            "statement_timeout": ("30s",), "default_transaction_read_only": ("on",), "search_path": ("mart",),
            "lock_timeout": ("5s",),
        }  # fmt: skip

    def test_has_five_sessions_at_most(self, made: Callable[..., AnalystLogin]) -> None:
        login = made()
        sessions = [login.connect() for _ in range(5)]
        try:
            with pytest.raises(psycopg.OperationalError, match="too many connections"):
                login.connect()
        finally:
            for session in sessions:
                session.close()

    def test_keeps_its_password_as_a_verifier_only(self, admin_url: str, made: Callable[..., AnalystLogin]) -> None:
        login = made()
        with psycopg.connect(admin_url) as connection:
            kept = connection.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname = %s", (login.role_name,)
            ).fetchone()
        assert kept is not None
        assert str(kept[0]).startswith("SCRAM-SHA-256$4096:")

    def test_ends_with_its_days(self, urls: DatabaseUrls, admin_url: str, made: Callable[..., AnalystLogin]) -> None:
        login = made("short", valid_days=1)
        with login.connect() as session, psycopg.connect(admin_url, autocommit=True) as connection:
            assert session.execute("SELECT count(*) FROM v_message").fetchone() == (25,)
            connection.execute("UPDATE analyst SET valid_until = now() - interval '1 s'")
            assert session.execute("SELECT count(*) FROM v_message").fetchone() == (0,)
            connection.execute("SELECT gate.keep_limits()")
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
            until = connection.execute(
                "SELECT rolvaliduntil > now() + interval '23 h' FROM pg_roles WHERE rolname = %s", (login.role_name,)
            )
            assert until.fetchone() == (True,)


class TestChanges:
    def test_are_listed_without_passwords(self, urls: DatabaseUrls, made: Callable[..., AnalystLogin]) -> None:
        login = made("listed", sees_text=True, valid_days=7)
        found = [analyst for analyst in list_analysts(urls) if analyst.role_name == login.role_name]
        assert [(one.name, one.sees_text, one.valid_until is not None) for one in found] == [("listed", True, True)]

    def test_rotating_ends_sessions_and_the_old_password(
        self, urls: DatabaseUrls, database: Database, seeded: Seeded, made: Callable[..., AnalystLogin]
    ) -> None:
        login = made()
        session = login.connect()
        fresh = AnalystLogin(rotate_analyst(urls, find_tenant(database, seeded.slug), "ana"))
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="password"):
            login.connect()
        assert fresh.rows("SELECT count(*) FROM v_message") == [(25,)]

    def test_removing_drops_the_login(
        self, urls: DatabaseUrls, database: Database, admin_url: str, seeded: Seeded,
        made: Callable[..., AnalystLogin],
    ) -> None:  # fmt: skip
        login = made()
        session = login.connect()
        remove_analyst(urls, find_tenant(database, seeded.slug), "ana")
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
        assert not exists(admin_url, login)
        with pytest.raises(NotFoundError):
            remove_analyst(urls, find_tenant(database, seeded.slug), "ana")

    def test_are_audited(
        self, urls: DatabaseUrls, database: Database, seeded: Seeded, made: Callable[..., AnalystLogin]
    ) -> None:
        made("audited")
        rotate_analyst(urls, find_tenant(database, seeded.slug), "audited")
        remove_analyst(urls, find_tenant(database, seeded.slug), "audited")
        with database.tenant_tx(seeded.tenant_id) as connection:
            actions = connection.execute(
                "SELECT action FROM audit_log WHERE action LIKE 'analyst.%' ORDER BY seq DESC LIMIT 3"
            ).fetchall()
        assert actions == [("analyst.removed",), ("analyst.rotated",), ("analyst.added",)]

    def test_leave_another_tenants_of_the_same_name_as_it_is(
        self, urls: DatabaseUrls, database: Database, seeded: Seeded, made: Callable[..., AnalystLogin]
    ) -> None:
        other = create_tenant(database, f"o{uuid4().hex[:12]}", "Other")
        login = login_for(urls, other.slug, "same")
        made("same")
        assert [analyst.tenant for analyst in list_analysts(urls, other)] == [other.slug]
        rotate_analyst(urls, find_tenant(database, seeded.slug), "same")
        remove_analyst(urls, find_tenant(database, seeded.slug), "same")
        assert [analyst.rotated_at for analyst in list_analysts(urls, other)] == [None]
        assert login.rows("SELECT 1") == [(1,)]
        remove_analyst(urls, other, "same")


class TestATenantThatIsSuspended:
    def test_locks_its_analysts_out_at_once(
        self, database: Database, seeded: Seeded, made: Callable[..., AnalystLogin]
    ) -> None:
        login = made()
        session = login.connect()
        suspend(database, seeded, suspended=True)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            login.connect()
        suspend(database, seeded, suspended=False)
        assert login.rows("SELECT count(*) FROM v_message") == [(25,)]

    def test_shows_no_row_to_a_session_that_is_left(
        self, database: Database, admin_url: str, seeded: Seeded, made: Callable[..., AnalystLogin]
    ) -> None:
        with made().connect() as session, psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")  # no trigger runs
            connection.execute("UPDATE tenant SET suspended_at = now() WHERE id = %s", (seeded.tenant_id,))
            assert session.execute("SELECT count(*) FROM v_message").fetchone() == (0,)

    def test_gets_no_login_that_works(
        self, database: Database, seeded: Seeded, made: Callable[..., AnalystLogin]
    ) -> None:
        suspend(database, seeded, suspended=True)
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            made("late").connect()


class TestATenantThatIsDeleted:
    def test_takes_its_analysts_along(self, urls: DatabaseUrls, database: Database, admin_url: str) -> None:
        other = seed_tenant(database, f"gone-{uuid4().hex[:12]}")
        login = login_for(urls, other.slug)
        with database.system_tx() as connection:
            connection.execute("DELETE FROM analyst WHERE tenant_id = %s", (other.tenant_id,))
        assert not exists(admin_url, login)

    def test_does_so_by_its_foreign_key(self, urls: DatabaseUrls, database: Database, admin_url: str) -> None:
        with database.system_tx() as connection:
            connection.execute("INSERT INTO tenant (id, slug, name) VALUES (gen_random_uuid(), 'short-lived', 'x')")
        login = login_for(urls, "short-lived")
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("DELETE FROM tenant WHERE slug = 'short-lived'")
        assert not exists(admin_url, login)


def exists(admin_url: str, login: AnalystLogin) -> bool:
    with psycopg.connect(admin_url) as connection:
        return (
            connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login.role_name,)).fetchone() is not None
        )
