"""Migrations go forward and back, on data, and are the same as the declarations."""

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

from opsintel.db.embedded import ADMIN, SERVICE, Access
from opsintel.db.engine import Database
from opsintel.db.migrate import current_revision, goes_back, migrate, sqlalchemy_url
from opsintel.db.tables import metadata
from opsintel.errors import DatabaseError, InputError
from opsintel.ids import new_id
from opsintel.tenants import create_tenant


@pytest.fixture
def empty_database(server: Access) -> str:
    name = f"empty_{new_id().hex}"
    with psycopg.connect(server.url(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.url(ADMIN, name)


class TestMigrations:
    def test_go_forward_and_back_and_forward_on_data(self, server: Access, empty_database: str) -> None:
        migrate(empty_database, login=SERVICE)
        grant_connect(empty_database)
        with Database(as_service(server, empty_database)) as database:
            create_tenant(database, "someone", "Someone")
        assert migrate(empty_database, login=SERVICE, target="base") == "base"
        with psycopg.connect(empty_database) as connection:
            tables = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            ).fetchall()
        assert tables == [("alembic_version",)]
        reached = migrate(empty_database, login=SERVICE)
        assert current_revision(empty_database) == (reached, reached)

    @pytest.mark.complete
    def test_stop_at_every_revision_on_their_way(self, empty_database: str) -> None:
        newest = current_revision(empty_database)[1]
        revisions = [f"{number:04}" for number in range(1, int(newest) + 1)]
        for revision in [*revisions, *reversed(revisions), "base", *revisions]:
            assert migrate(empty_database, login=SERVICE, target=revision) == revision
            assert current_revision(empty_database)[0] == revision

    def test_that_go_back_are_told_from_those_that_go_forward(self, empty_database: str) -> None:
        newest = migrate(empty_database, login=SERVICE)
        assert goes_back(empty_database, "base")
        assert goes_back(empty_database, "0001")
        assert not goes_back(empty_database, newest)
        assert not goes_back(empty_database, "head")

    @pytest.mark.parametrize("target", ["nonsense", "", "-1", "+1", "head~1", "9999", "000", "a;b"])
    def test_have_no_other_targets(self, empty_database: str, target: str) -> None:
        with pytest.raises(InputError, match="no revision") as refused:
            migrate(empty_database, login=SERVICE, target=target)
        assert "0001" in refused.value.remedy
        assert current_revision(empty_database)[0] == "base"

    def test_leave_a_schema_of_a_later_version_alone(self, empty_database: str) -> None:
        migrate(empty_database, login=SERVICE)
        with psycopg.connect(empty_database) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(DatabaseError, match="9999, which this version of opsintel does not know"):
            migrate(empty_database, login=SERVICE)

    def test_make_what_is_declared(self, admin_url: str) -> None:
        engine = create_engine(sqlalchemy_url(admin_url), poolclass=NullPool)
        with engine.connect() as connection:
            options = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
            differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        assert [d for d in differences if "alembic_version" not in str(d)] == []


class TestALoginWithoutRights:
    def test_finds_the_newest_schema_in_place(self, server: Access, empty_database: str) -> None:
        reached = migrate(empty_database, login=SERVICE)
        grant_connect(empty_database)
        assert migrate(as_service(server, empty_database), login=SERVICE) == reached

    def test_is_told_who_may_change_an_older_one(self, server: Access, empty_database: str) -> None:
        grant_connect(empty_database)
        with pytest.raises(DatabaseError, match="at base, not") as refused:
            migrate(as_service(server, empty_database), login=SERVICE)
        assert "OPSINTEL_MIGRATION_URL" in refused.value.remedy


def as_service(server: Access, url: str) -> str:
    return server.url(SERVICE, url.rpartition("/")[2])


def grant_connect(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"GRANT CONNECT ON DATABASE {url.rpartition('/')[2]} TO {SERVICE}")
