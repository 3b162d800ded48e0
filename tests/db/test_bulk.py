"""Many rows at a time, under row security."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from opsintel.db.bulk import FEW, insert_returning, insert_rows
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.tenants import create_tenant

COLUMNS = ("tenant_id", "id", "key", "kind", "subject")


@pytest.fixture
def tenant_id(database: Database) -> UUID:
    slug = f"bulk-{uuid4().hex}"
    return create_tenant(database, slug, slug).id


def threads(tenant_id: UUID, count: int, subject: str = "") -> list[tuple[object, ...]]:
    return [(tenant_id, new_id(), str(number), "email", subject) for number in range(count)]


def subjects(connection: psycopg.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT subject FROM thread").fetchall()]


class TestInsertRows:
    @pytest.mark.parametrize("count", [0, 1, FEW, FEW + 1, 2_000])
    def test_inserts_few_and_many(self, database: Database, tenant_id: UUID, count: int) -> None:
        with database.tenant_tx(tenant_id) as connection:
            insert_rows(connection, "thread", COLUMNS, threads(tenant_id, count))
            assert len(subjects(connection)) == count

    @pytest.mark.parametrize("count", [3, FEW + 3])
    def test_does_what_is_said_for_a_conflict(self, database: Database, tenant_id: UUID, count: int) -> None:
        with database.tenant_tx(tenant_id) as connection:
            for subject in ("first", "second"):
                insert_rows(
                    connection, "thread", COLUMNS, threads(tenant_id, count, subject),
                    "ON CONFLICT (tenant_id, kind, key) DO UPDATE SET subject = excluded.subject",
                )  # fmt: skip
            assert subjects(connection) == ["second"] * count

    def test_can_be_called_again_in_the_same_transaction_and_after_a_fault(
        self, database: Database, tenant_id: UUID
    ) -> None:
        many = threads(tenant_id, FEW + 1)
        with database.tenant_tx(tenant_id) as connection:
            insert_rows(connection, "thread", COLUMNS, many)
            with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
                insert_rows(connection, "thread", COLUMNS, many)
            insert_rows(
                connection, "thread", COLUMNS, [(tenant_id, new_id(), f"other {row[2]}", *row[3:]) for row in many]
            )
            assert len(subjects(connection)) == 2 * len(many)

    @pytest.mark.parametrize("count", [1, FEW + 1])
    def test_another_tenants_rows_are_refused(self, database: Database, tenant_id: UUID, count: int) -> None:
        other = create_tenant(database, f"other-{uuid4().hex}", "Other").id
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.tenant_tx(tenant_id) as connection:
            insert_rows(connection, "thread", COLUMNS, threads(other, count))

    def test_nothing_of_it_is_left_for_the_next_tenant_on_the_connection(
        self, database_url: str, tenant_id: UUID
    ) -> None:
        with Database(database_url, max_size=1) as database:
            other = create_tenant(database, f"other-{uuid4().hex}", "Other").id
            with database.tenant_tx(tenant_id) as connection:
                insert_rows(connection, "thread", COLUMNS, threads(tenant_id, FEW + 1))
            with database.tenant_tx(other) as connection:
                assert connection.execute("SELECT count(*) FROM incoming_thread").fetchone() == (0,)


class TestInsertReturning:
    def test_gives_back_the_rows_that_hold_made_or_found(self, database: Database, tenant_id: UUID) -> None:
        on_conflict = "ON CONFLICT (tenant_id, kind, key) DO UPDATE SET key = excluded.key RETURNING key, id"
        rows = threads(tenant_id, 3)
        again = [(tenant_id, new_id(), "1", "email", ""), (tenant_id, new_id(), "new", "email", "")]
        with database.tenant_tx(tenant_id) as connection:
            made = insert_returning(connection, "thread", COLUMNS, rows, on_conflict)
            assert dict(made) == {row[2]: row[1] for row in rows}
            held = insert_returning(connection, "thread", COLUMNS, again, on_conflict)
            assert dict(held) == {"1": rows[1][1], "new": again[1][1]}
            assert insert_returning(connection, "thread", COLUMNS, [], on_conflict) == []


class TestValues:
    @pytest.mark.parametrize("count", [1, FEW + 1])
    def test_of_every_kind_come_back_as_they_were(self, database: Database, tenant_id: UUID, count: int) -> None:
        moment = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
        values = {
            "kind": "email", "partition_day": date(2026, 2, 28), "occurred_at": moment, "edited_at": None,
            "content_hash": bytes(range(32)), "text": 'a "b" \\ \n\t é 🙂 {x,y} \\x41',
            "defects": ["one, two", '"', ""],
            "extra": Jsonb({"a": [1, 2.5, None, "x"]}), "is_bot": True, "revision": 7,
            "direction": "inbound", "visibility": "public",
        }  # fmt: skip
        columns = ("tenant_id", "id", *values)
        rows = [(tenant_id, new_id(), *values.values()) for _ in range(count)]
        with database.tenant_tx(tenant_id) as connection:
            insert_rows(connection, "message", columns, rows)
            found = connection.execute(
                sql.SQL("SELECT {} FROM message LIMIT 1").format(sql.SQL(", ").join(map(sql.Identifier, values)))
            ).fetchone()
        assert found == tuple(value.obj if isinstance(value, Jsonb) else value for value in values.values())

    @pytest.mark.parametrize("text", ["a\0b", "\ud800"])
    def test_that_the_database_cannot_hold_are_named(self, database: Database, tenant_id: UUID, text: str) -> None:
        with pytest.raises((psycopg.DataError, UnicodeError)), database.tenant_tx(tenant_id) as connection:
            insert_rows(connection, "thread", COLUMNS, threads(tenant_id, 1, text))
