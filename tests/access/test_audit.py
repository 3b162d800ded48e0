"""The audit log: every act has a place of its own in its tenant's chain, and the application can change none."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from uuid import UUID

import psycopg
import pytest

from opsintel.access.audit import INSTALLATION, SYSTEM, Actor, Entry, Subject, record, record_async
from opsintel.db.engine import APP_ROLE, SYSTEM_ROLE, AsyncDatabase, Database
from opsintel.ids import new_id
from opsintel.tenants import create_tenant


def entry(tenant_id: UUID | None, number: int = 0, person: str = "7") -> Entry:
    return Entry(tenant_id, Actor("person", person), "member.role_changed", Subject("source", "s"), {"number": number})


def act(transaction: AbstractContextManager[psycopg.Connection], recorded: Entry, statement: str) -> None:
    with transaction as connection:
        record(connection, recorded)
        connection.execute(statement.encode())


@pytest.fixture
def tenant_id(database: Database) -> UUID:
    return create_tenant(database, f"t{new_id().hex}", "Someone").id


class TestTheChain:
    def test_begins_at_one_and_links_each_entry_to_the_one_before(self, database: Database, tenant_id: UUID) -> None:
        with database.tenant_tx(tenant_id) as connection:
            places = [record(connection, entry(tenant_id, number)) for number in range(5)]
            rows = connection.execute("SELECT prev_hash, hash FROM audit_log ORDER BY seq").fetchall()
        assert places == [1, 2, 3, 4, 5]
        assert [row[0] for row in rows] == [bytes(32), *(row[1] for row in rows[:-1])]

    def test_of_many_writers_is_one(self, database: Database, tenant_id: UUID) -> None:
        def write(writer: int) -> None:
            for number in range(20):
                with database.tenant_tx(tenant_id) as connection:
                    record(connection, entry(tenant_id, number, person=str(writer % 3)))
                    record(connection, entry(tenant_id, number, person=str(number % 3)))

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(write, range(6)))
        with database.tenant_tx(tenant_id) as connection:
            rows = connection.execute("SELECT seq, prev_hash, hash FROM audit_log ORDER BY seq").fetchall()
        assert [row[0] for row in rows] == list(range(1, 241))
        assert [row[1] for row in rows] == [bytes(32), *(row[2] for row in rows[:-1])]

    def test_has_no_gap_after_a_transaction_that_failed(self, database: Database, tenant_id: UUID) -> None:
        with pytest.raises(psycopg.errors.DivisionByZero):
            act(database.tenant_tx(tenant_id), entry(tenant_id), "SELECT 1 / 0")
        with database.tenant_tx(tenant_id) as connection:
            assert record(connection, entry(tenant_id)) == 1

    def test_is_written_by_asyncpg_and_by_operators_too(
        self, database: Database, database_url: str, tenant_id: UUID
    ) -> None:
        async def write() -> int:
            opened = await AsyncDatabase.open(database_url)
            try:
                async with opened.tenant_tx(tenant_id) as connection:
                    return await record_async(connection, entry(tenant_id))
            finally:
                await opened.close()

        assert asyncio.run(write()) == 1
        with database.system_tx() as connection:
            assert record(connection, entry(tenant_id)) == 2
            assert record(connection, entry(None)) >= 1
            rows = connection.execute("SELECT count(*) FROM audit_log WHERE tenant_id = %s", (INSTALLATION,)).fetchall()
        assert rows[0][0] >= 1

    def test_takes_time_place_and_hash_from_the_database_alone(self, database: Database, tenant_id: UUID) -> None:
        with database.tenant_tx(tenant_id) as connection:
            connection.execute(
                "INSERT INTO audit_log (tenant_id, seq, at, actor_kind, actor_id, action, subject_kind, subject_id,"
                " prev_hash, hash) VALUES (%s, 77, '1999-01-01', 'system', 'x', 'a.b', 'c', 'd', 'e', 'f')",
                (tenant_id,),
            )
            row = connection.execute(
                "SELECT seq, at > now() - interval '1 minute', prev_hash, length(hash) FROM audit_log"
            ).fetchone()
        assert row == (1, True, bytes(32), 32)


class TestPeople:
    def test_are_opaque_in_the_log_and_the_same_person_is_the_same(self, database: Database, tenant_id: UUID) -> None:
        person = str(new_id())
        with database.tenant_tx(tenant_id) as connection:
            record(connection, entry(tenant_id, person=person))
            record(connection, Entry(tenant_id, SYSTEM, "member.added", Subject("person", person)))
            rows = connection.execute("SELECT actor_id, subject_id FROM audit_log ORDER BY seq").fetchall()
            known = connection.execute("SELECT subject_id::text, kind, reference FROM audit_subject").fetchall()
        assert person not in str(rows)
        assert rows[0][0] == rows[1][1]
        assert known == [(rows[0][0], "person", person)]

    def test_are_others_in_another_tenant(self, database: Database, tenant_id: UUID) -> None:
        other = create_tenant(database, f"t{new_id().hex}", "Other").id
        seen = []
        for one in (tenant_id, other):
            with database.tenant_tx(one) as connection:
                record(connection, entry(one, person="same"))
                seen += connection.execute("SELECT actor_id FROM audit_log").fetchall()
        assert seen[0] != seen[1]

    def test_are_forgotten_without_a_change_of_the_log(self, database: Database, tenant_id: UUID) -> None:
        with database.tenant_tx(tenant_id) as connection:
            record(connection, entry(tenant_id, person="one"))
            before = connection.execute("SELECT * FROM audit_log").fetchall()
            connection.execute("DELETE FROM audit_subject WHERE reference = 'one'")
            assert connection.execute("SELECT * FROM audit_log").fetchall() == before
            record(connection, entry(tenant_id, person="one"))
            rows = connection.execute("SELECT actor_id FROM audit_log").fetchall()
        assert rows[0] != rows[1]


CHANGES = [
    "UPDATE audit_log SET action = 'a.b'",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "MERGE INTO audit_log USING (VALUES (1)) AS v (x) ON true WHEN MATCHED THEN DELETE",
]


class TestNobodyChangesIt:
    @pytest.mark.parametrize("statement", CHANGES)
    @pytest.mark.parametrize("role", [APP_ROLE, SYSTEM_ROLE])
    def test_not_the_application(self, database: Database, tenant_id: UUID, role: str, statement: str) -> None:
        opened = database.tenant_tx(tenant_id) if role == APP_ROLE else database.system_tx()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            act(opened, entry(tenant_id), statement)

    @pytest.mark.parametrize("statement", CHANGES)
    @pytest.mark.parametrize("mode", ["origin", "replica"])
    def test_not_even_who_owns_it_by_mistake(
        self, admin_url: str, database: Database, tenant_id: UUID, statement: str, mode: str
    ) -> None:
        with database.tenant_tx(tenant_id) as connection:
            record(connection, entry(tenant_id))
        with psycopg.connect(admin_url) as connection:
            connection.execute(f"SET session_replication_role = {mode}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                connection.execute(statement.encode())

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_head SET seq = 0",
            "DELETE FROM audit_head",
            "INSERT INTO audit_subject (tenant_id, subject_id, kind, reference)"
            " SELECT tenant_id, gen_random_uuid(), 'person', 'x' FROM audit_head",
            "UPDATE audit_subject SET reference = 'someone else'",
        ],
    )
    def test_nor_its_head_nor_who_is_who(self, database: Database, tenant_id: UUID, statement: str) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            act(database.tenant_tx(tenant_id), entry(tenant_id), statement)

    def test_nor_the_chain_of_another_tenant(self, database: Database, tenant_id: UUID) -> None:
        other = create_tenant(database, f"t{new_id().hex}", "Other").id
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.tenant_tx(tenant_id) as connection:
            record(connection, entry(other))
        with database.tenant_tx(other) as connection:
            assert connection.execute("SELECT seq FROM audit_head").fetchall() == []
