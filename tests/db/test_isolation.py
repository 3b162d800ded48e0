"""Row security: a tenant sees its own rows, and nothing without a tenant."""

from uuid import UUID, uuid4

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.errors import TenantError
from opsintel.ids import new_id
from opsintel.tenants import create_tenant

ADD = "INSERT INTO source (tenant_id, id, kind, name, config, config_key) VALUES (%s, %s, 'mbox', 'x', '{}', %s)"


@pytest.fixture
def tenants(database: Database) -> tuple[UUID, UUID]:
    return create_tenant(database, f"a-{uuid4().hex}", "A").id, create_tenant(database, f"b-{uuid4().hex}", "B").id


class TestTenantTransactions:
    def test_see_their_own_rows_only(self, database: Database, tenants: tuple[UUID, UUID]) -> None:
        one, other = tenants
        with database.tenant_tx(one) as connection:
            connection.execute(ADD, (one, new_id(), "k"))
        with database.tenant_tx(other) as connection:
            assert connection.execute("SELECT count(*) FROM source").fetchone() == (0,)
        with database.tenant_tx(one) as connection:
            assert connection.execute("SELECT count(*) FROM source").fetchone() == (1,)

    def test_cannot_write_for_another(self, database: Database, tenants: tuple[UUID, UUID]) -> None:
        one, other = tenants
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.tenant_tx(one) as connection:
            connection.execute(ADD, (other, new_id(), "k"))

    def test_cannot_refer_to_another_tenants_row(self, database: Database, tenants: tuple[UUID, UUID]) -> None:
        one, other = tenants
        source_id = new_id()
        with database.tenant_tx(one) as connection:
            connection.execute(ADD, (one, source_id, "mine"))
        with pytest.raises(psycopg.errors.ForeignKeyViolation), database.tenant_tx(other) as connection:
            connection.execute(
                "INSERT INTO source_state (tenant_id, source_id, stream, cursor) VALUES (%s, %s, 's', '{}')",
                (other, source_id),
            )

    def test_need_a_tenant(self, database: Database) -> None:
        with pytest.raises(TenantError), database.tenant_tx(None):  # type: ignore[arg-type]
            pass

    def test_leave_nothing_behind_for_the_next_user_of_the_connection(
        self, database_url: str, tenants: tuple[UUID, UUID]
    ) -> None:
        with Database(database_url, max_size=1) as single:
            with single.tenant_tx(tenants[0]) as connection:
                connection.execute("SELECT 1")
            with single.system_tx() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT config FROM source")


class TestSystemTransactions:
    @pytest.mark.parametrize("table", ["message", "analysis", "secret", "raw_payload", "participant", "issue"])
    def test_never_see_content(self, database: Database, table: str) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.system_tx() as connection:
            connection.execute(f"SELECT * FROM {table}")


class TestTheLoginItself:
    def test_has_no_rights_without_a_role(self, database_url: str) -> None:
        with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM tenant")

    def test_an_unset_tenant_is_an_error_and_not_an_empty_answer(self, database_url: str) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute("SET ROLE opsintel_app")
            with pytest.raises(psycopg.Error):
                connection.execute("SELECT * FROM source")
