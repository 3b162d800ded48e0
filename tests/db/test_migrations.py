"""Migrations go forward and back, on data, and are the same as the declarations."""

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

from opsintel.db.embedded import ADMIN, SERVICE, Access
from opsintel.db.engine import Database
from opsintel.db.migrate import current_revision, migrate, sqlalchemy_url
from opsintel.db.tables import metadata
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
        name = empty_database.rpartition("/")[2]
        with psycopg.connect(empty_database, autocommit=True) as connection:
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {SERVICE}")
        with Database(server.url(SERVICE, name)) as database:
            create_tenant(database, "someone", "Someone")
        assert migrate(empty_database, login=SERVICE, target="base") == "base"
        with psycopg.connect(empty_database) as connection:
            tables = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            ).fetchall()
        assert tables == [("alembic_version",)]
        reached = migrate(empty_database, login=SERVICE)
        assert current_revision(empty_database) == (reached, reached)

    def test_make_what_is_declared(self, admin_url: str) -> None:
        engine = create_engine(sqlalchemy_url(admin_url), poolclass=NullPool)
        with engine.connect() as connection:
            differences = compare_metadata(MigrationContext.configure(connection), metadata)
        assert [d for d in differences if "alembic_version" not in str(d)] == []
