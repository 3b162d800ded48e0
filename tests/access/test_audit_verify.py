"""Whatever is done to the audit log by who may do anything in the database: it is found, at its first place."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.access.audit_anchors import PREFIX, read_anchors, write_anchor
from opsintel.access.audit_chain import Verdict, verify_chain
from opsintel.cli.audit import app
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.tenants import create_tenant

ENTRIES = 40
ANCHORED = 30
REHASH = """
    UPDATE audit_log AS a SET prev_hash = coalesce(
        (SELECT hash FROM audit_log AS b WHERE b.tenant_id = a.tenant_id AND b.seq = a.seq - 1),
        decode(repeat('00', 32), 'hex'))
    WHERE tenant_id = %(t)s AND seq = %(s)s;
    UPDATE audit_log SET hash = sha256(
        audit_field('opsintel audit v1'::bytea) || audit_field(prev_hash) || audit_field(uuid_send(tenant_id))
        || audit_field(int8send(seq)) || audit_field(int8send((extract(epoch FROM at) * 1000000)::bigint))
        || audit_field(convert_to(actor_kind, 'UTF8')) || audit_field(convert_to(actor_id, 'UTF8'))
        || audit_field(convert_to(action, 'UTF8')) || audit_field(convert_to(subject_kind, 'UTF8'))
        || audit_field(convert_to(subject_id, 'UTF8')) || audit_field(convert_to(details::text, 'UTF8')))
    WHERE tenant_id = %(t)s AND seq = %(s)s;
"""
EDITS = {
    "at": "at + interval '1 microsecond'",
    "actor_kind": "CASE actor_kind WHEN 'system' THEN 'person' ELSE 'system' END",
    "actor_id": "actor_id || ' '",
    "action": "action || 'x'",
    "subject_kind": "subject_kind || 'x'",
    "subject_id": "left(subject_id, -1)",
    "details": "details || '{\"more\": 1}'",
    "prev_hash": "set_byte(prev_hash, 7, get_byte(prev_hash, 7) # 1)",
    "hash": "set_byte(hash, 31, get_byte(hash, 31) # 1)",
    "seq": "seq + 1000",
}


@pytest.fixture(scope="module")
def context(database: Database, settings: Settings) -> Context:
    return Context(database, open_objects(settings), settings)


@pytest.fixture(scope="module")
def tenant_id(context: Context) -> UUID:
    """A tenant with a chain whose first entries are anchored."""
    tenant = create_tenant(context.database, "audited", "Audited").id
    for number in range(ENTRIES):
        with context.database.tenant_tx(tenant) as connection:
            actor = Actor("person" if number % 2 else "service_key", str(number % 3))
            record(connection, Entry(tenant, actor, "source.edited", Subject("source", "ü" * number), {"n": number}))
        if number + 1 in (10, 20, ANCHORED):
            write_anchor(context)
    return tenant


@contextmanager
def tampering(admin_url: str) -> Iterator[psycopg.Connection]:
    """A connection that may do anything, with the guards of the log switched off; what it did is undone afterwards."""
    with psycopg.connect(admin_url) as connection:
        before = {
            table: connection.execute(f"SELECT * FROM {table}".encode()).fetchall()
            for table in ("audit_log", "audit_head")
        }
        connection.execute("ALTER TABLE audit_log DISABLE TRIGGER ALL")
        connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()
            for table, rows in before.items():
                connection.execute(f"DELETE FROM {table}".encode())
                with connection.cursor() as cursor:
                    places = ", ".join(["%s"] * len(rows[0]))
                    values = [
                        tuple(json.dumps(cell) if isinstance(cell, dict) else cell for cell in row) for row in rows
                    ]
                    cursor.executemany(f"INSERT INTO {table} VALUES ({places})".encode(), values)
            connection.execute("ALTER TABLE audit_log ENABLE TRIGGER ALL")
            for trigger in ("audit_refuse_change", "audit_refuse_truncate"):
                connection.execute(f"ALTER TABLE audit_log ENABLE ALWAYS TRIGGER {trigger}".encode())
            connection.commit()


def verdict_of(context: Context, tenant_id: UUID) -> Verdict:
    anchored = read_anchors(context)
    assert anchored.faults == []
    return verify_chain(context.database, tenant_id, anchored.hashes.get(tenant_id, {}))


def rehash_from(connection: psycopg.Connection, tenant_id: UUID, first: int, last: int) -> None:
    """Compute the chain anew from a place on, with its head, as one would who knows how."""
    for seq in range(first, last + 1):
        for statement in REHASH.split(";")[:2]:
            connection.execute(statement.encode(), {"t": tenant_id, "s": seq})
    connection.execute(
        "UPDATE audit_head SET seq = %(s)s, hash = (SELECT hash FROM audit_log WHERE tenant_id = %(t)s AND seq = %(s)s)"
        " WHERE tenant_id = %(t)s",
        {"t": tenant_id, "s": last},
    )
    connection.commit()


class TestWhatWasDone:
    def test_is_nothing_to_a_chain_that_was_left_alone(self, context: Context, tenant_id: UUID) -> None:
        assert verdict_of(context, tenant_id) == Verdict(tenant_id, ENTRIES, ANCHORED)

    @pytest.mark.parametrize("column", list(EDITS))
    def test_is_found_in_every_column_at_any_place(
        self, context: Context, tenant_id: UUID, admin_url: str, column: str
    ) -> None:
        for seq in random.Random(column).sample(range(1, ENTRIES + 1), 6):
            with tampering(admin_url) as connection:
                connection.execute(
                    f"UPDATE audit_log SET {column} = {EDITS[column]} WHERE tenant_id = %s AND seq = %s".encode(),
                    (tenant_id, seq),
                )
                connection.commit()
                assert verdict_of(context, tenant_id).first_bad == seq

    @pytest.mark.parametrize("count", [1, 3])
    def test_is_found_when_entries_are_deleted(
        self, context: Context, tenant_id: UUID, admin_url: str, count: int
    ) -> None:
        for first in random.Random(count).sample(range(1, ENTRIES - count), 8):
            with tampering(admin_url) as connection:
                connection.execute(
                    "DELETE FROM audit_log WHERE tenant_id = %s AND seq BETWEEN %s AND %s",
                    (tenant_id, first, first + count - 1),
                )
                connection.commit()
                assert verdict_of(context, tenant_id).first_bad == first

    def test_is_found_when_later_entries_are_moved_up_into_the_gap(
        self, context: Context, tenant_id: UUID, admin_url: str
    ) -> None:
        for gone in random.Random(3).sample(range(1, ANCHORED), 5):
            with tampering(admin_url) as connection:
                connection.execute("DELETE FROM audit_log WHERE tenant_id = %s AND seq = %s", (tenant_id, gone))
                for seq in range(gone + 1, ENTRIES + 1):
                    connection.execute(
                        "UPDATE audit_log SET seq = seq - 1 WHERE tenant_id = %s AND seq = %s", (tenant_id, seq)
                    )
                connection.commit()
                assert verdict_of(context, tenant_id).first_bad == gone

    @pytest.mark.parametrize("head_too", [False, True])
    def test_is_found_when_the_tail_is_cut_off(
        self, context: Context, tenant_id: UUID, admin_url: str, head_too: bool
    ) -> None:
        for last in random.Random(5).sample(range(ANCHORED if not head_too else 0, ANCHORED + 9 * (not head_too)), 6):
            with tampering(admin_url) as connection:
                connection.execute("DELETE FROM audit_log WHERE tenant_id = %s AND seq > %s", (tenant_id, last))
                if head_too:
                    connection.execute(
                        "UPDATE audit_head SET seq = %(s)s, hash = coalesce((SELECT hash FROM audit_log"
                        " WHERE tenant_id = %(t)s AND seq = %(s)s), decode(repeat('00', 32), 'hex'))"
                        " WHERE tenant_id = %(t)s",
                        {"t": tenant_id, "s": last},
                    )
                connection.commit()
                assert verdict_of(context, tenant_id).first_bad == last + 1

    def test_is_found_when_the_whole_chain_is_gone_with_its_head(
        self, context: Context, tenant_id: UUID, admin_url: str
    ) -> None:
        with tampering(admin_url) as connection:
            for table in ("audit_log", "audit_head"):
                connection.execute(f"DELETE FROM {table} WHERE tenant_id = %s".encode(), (tenant_id,))
            connection.commit()
            assert verdict_of(context, tenant_id).first_bad == 1

    def test_is_found_when_an_entry_is_put_in_between(self, context: Context, tenant_id: UUID, admin_url: str) -> None:
        for place in random.Random(7).sample(range(1, ENTRIES), 5):
            with tampering(admin_url) as connection:
                for seq in range(ENTRIES, place - 1, -1):
                    connection.execute(
                        "UPDATE audit_log SET seq = seq + 1 WHERE tenant_id = %s AND seq = %s", (tenant_id, seq)
                    )
                connection.execute(
                    "INSERT INTO audit_log SELECT tenant_id, %s, at, actor_kind, actor_id, action, subject_kind,"
                    " subject_id, details, prev_hash, hash FROM audit_log WHERE tenant_id = %s AND seq = %s",
                    (place, tenant_id, place + 1),
                )
                connection.commit()
                assert verdict_of(context, tenant_id).first_bad in (place, place + 1)

    @pytest.mark.parametrize("column", ["actor_id", "action", "details", "at"])
    def test_is_found_when_the_chain_is_computed_anew(
        self, context: Context, tenant_id: UUID, admin_url: str, column: str
    ) -> None:
        for seq in random.Random(column).sample(range(1, ANCHORED + 1), 3):
            with tampering(admin_url) as connection:
                connection.execute(
                    f"UPDATE audit_log SET {column} = {EDITS[column]} WHERE tenant_id = %s AND seq = %s".encode(),
                    (tenant_id, seq),
                )
                rehash_from(connection, tenant_id, seq, ENTRIES)
                verdict = verdict_of(context, tenant_id)
                assert verdict.first_bad == (seq - 1) // 10 * 10 + 1
                assert "anchored" in verdict.reason


class TestAnchors:
    @pytest.mark.parametrize("change", ["gone", "edited", "rubbish", "forged"])
    def test_that_were_touched_are_found(self, context: Context, tenant_id: UUID, change: str) -> None:
        folder = context.settings.data_dir / "objects" / PREFIX
        path = sorted(folder.iterdir())[1]
        content = path.read_bytes()
        try:
            if change == "gone":
                path.unlink()
            elif change == "rubbish":
                path.write_bytes(b"{")
            else:
                fields = json.loads(content)
                fields["heads"] = {str(new_id()): [3, "00" * 32]}
                fields["mac"] = fields["mac"] if change == "edited" else "00" * 32
                path.write_bytes(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())
            assert read_anchors(context).faults
        finally:
            path.write_bytes(content)

    def test_are_written_only_when_something_moved(self, context: Context, tenant_id: UUID) -> None:
        with context.database.tenant_tx(create_tenant(context.database, "mover", "Mover").id) as connection:
            row = connection.execute("SELECT current_setting('app.tenant_id')").fetchone()
            assert row is not None
            record(connection, Entry(UUID(row[0]), Actor("system", "s"), "a.b", Subject("c", "d")))
        assert write_anchor(context) is not None
        assert write_anchor(context) is None


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def environment(self, settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        assert settings.master_encryption_key
        monkeypatch.setenv("DB_URL", database_url)
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", settings.master_encryption_key.get_secret_value())

    def test_says_that_a_whole_log_is_whole(self, tenant_id: UUID, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["verify", "--tenant", "audited"])
        assert (result.exit_code, f"{ENTRIES} entries are whole" in result.output) == (0, True)

    def test_names_the_first_bad_entry_and_fails(self, tenant_id: UUID, admin_url: str) -> None:
        with tampering(admin_url) as connection:
            connection.execute("UPDATE audit_log SET action = 'a.b' WHERE tenant_id = %s AND seq = 17", (tenant_id,))
            connection.commit()
            result = CliRunner().invoke(app, ["verify", "--json"])
        assert result.exit_code == 1
        (chain,) = [one for one in json.loads(result.output)["chains"] if one["tenant"] == "audited"]
        assert chain["first_bad"] == 17
