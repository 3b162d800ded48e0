"""The catalogue against the declarations: keys, policies, comments."""

import psycopg
import pytest

from opsintel.db.engine import APP_ROLE, SYSTEM_ROLE
from opsintel.db.tables import declaration_of, metadata

TENANT_TABLES = [t for t in metadata.sorted_tables if declaration_of(t).tenant_column == "tenant_id"]


class TestDeclarations:
    @pytest.mark.parametrize("table", TENANT_TABLES, ids=lambda table: table.name)
    def test_tenant_comes_first_in_every_key(self, table) -> None:
        assert next(iter(table.columns)).name == "tenant_id"
        assert next(iter(table.primary_key.columns)).name == "tenant_id"
        for key in table.foreign_key_constraints:
            if declaration_of(key.referred_table).tenant_column == "tenant_id":
                assert key.columns[0].name == "tenant_id"

    def test_every_table_and_column_has_a_comment(self) -> None:
        for table in metadata.sorted_tables:
            assert table.comment, table.name
            assert all(column.comment for column in table.columns), table.name


class TestDatabase:
    def test_row_security_is_enabled_and_forced_everywhere(self, admin_url: str) -> None:
        with psycopg.connect(admin_url) as connection:
            rows = connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
                " AND relname <> 'alembic_version' AND NOT (relrowsecurity AND relforcerowsecurity)"
            ).fetchall()
        assert rows == []

    def test_tables_are_those_declared(self, admin_url: str) -> None:
        with psycopg.connect(admin_url) as connection:
            rows = connection.execute(
                "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
                " AND attnum > 0 AND NOT attisdropped AND relname <> 'alembic_version'"
            ).fetchall()
        assert set(rows) == {(t.name, c.name) for t in metadata.sorted_tables for c in t.columns}

    def test_nobody_may_bypass_row_security(self, admin_url: str) -> None:
        with psycopg.connect(admin_url) as connection:
            rows = connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolsuper OR rolbypassrls OR rolcanlogin)",
                ([APP_ROLE, SYSTEM_ROLE],),
            ).fetchall()
        assert rows == []

    def test_comments_are_in_the_catalogue(self, admin_url: str) -> None:
        with psycopg.connect(admin_url) as connection:
            row = connection.execute("SELECT col_description('message'::regclass, 1)").fetchone()
        assert row == ("Tenant that owns the row; bound by row security",)
