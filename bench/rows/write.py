"""Bulk write of canonical messages, against binary COPY of the same rows into unindexed tables.

Ours stores messages that are parsed already, with their occurrences, threads and people, under row security. The limit
copies the very rows that ours has made, of every table it wrote, into tables without index, constraint or policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from bench.mails import mails
from bench.measure import by_size, in_turns, timed
from bench.report import Bound, Report, compared, grown
from bench.workplace import Installed, Workplace
from opsintel.clock import today
from opsintel.connectors.contract import PayloadFormat
from opsintel.events.message import CanonicalMessage
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel.sources.source import ensure_source
from opsintel.tenants import create_tenant
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from opsintel_pipeline.normalize.store import Incoming, store_messages

SIZES = (50, 500, 5_000)
MAIN = 5_000
PAGE = 500
ROUNDS = 7
OURS, LIMIT = "ours", "binary COPY, unindexed"
TABLES = (
    "message", "message_occurrence", "thread", "participant", "participant_identity", "organization", "attachment",
    "message_label", "message_link",
)  # fmt: skip


@dataclass(frozen=True)
class Copied:
    """The rows of a table and what COPY needs to know of them."""

    table: str
    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]


def run(workplace: Workplace) -> Report:
    """Measure messages a second of both, and our cost of a message by size of the batch."""
    messages = [
        parse_payload(mail, PayloadFormat.MIME, str(number), context=NormalizeContext())
        for number, mail in enumerate(mails(max(SIZES)))
    ]
    with workplace.installation() as installed, psycopg.connect(installed.admin_url) as connection:
        stored = store(installed, messages)
        copies = [_rows_of(connection, table, stored) for table in TABLES]
        contenders = {
            OURS: lambda: MAIN / timed(lambda: store(installed, messages[:MAIN])),
            LIMIT: lambda: MAIN / timed(lambda: copy_all(connection, copies)),
        }
        in_turns(contenders, 1)
        values = in_turns(contenders, ROUNDS)
        costs = by_size(lambda size: timed(lambda: store(installed, messages[:size])) / size * 1e6, SIZES, 5)
    return Report(
        [compared(f"{MAIN:,} messages", "messages/s", values, ours=OURS, peer=LIMIT, bound=Bound(0.25, 0.5))],
        [grown("a message by size of the batch", "µs", costs)],
    )


def store(installed: Installed, messages: Sequence[CanonicalMessage]) -> UUID:
    """Store the messages as one day of a new tenant, a page a transaction; returns the tenant."""
    database, slug = installed.context.database, f"write-{new_id().hex}"
    tenant = create_tenant(database, slug, slug)
    source = ensure_source(database, tenant.id, "eml_folder", "mails", {"path": "/"}, "mails")
    partition = Partition(today(), tenant.id, slug)
    incoming = [Incoming(source.id, m.native_id, "1", None, "", m) for m in messages]  # type: ignore[arg-type]
    for start in range(0, len(incoming), PAGE):
        with database.tenant_tx(tenant.id) as connection:
            store_messages(connection, partition, incoming[start : start + PAGE])
    return tenant.id


def copy_all(connection: psycopg.Connection, copies: Sequence[Copied]) -> None:
    """Copy the rows of every table into a bare one, in one transaction."""
    for copied in copies:
        names = sql.SQL(", ").join(map(sql.Identifier, copied.columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)")
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(f"bare_{copied.table}")))
            with cursor.copy(statement.format(sql.Identifier(f"bare_{copied.table}"), names)) as copy:
                copy.set_types(copied.types)
                for row in copied.rows:
                    copy.write_row(row)
    connection.commit()


def _rows_of(connection: psycopg.Connection, table: str, tenant: UUID) -> Copied:
    """Make the bare table and return the rows of a tenant; what the database computes by itself is not copied."""
    described = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (table,),
    ).fetchall()
    columns, types = [name for name, _ in described], [kind for _, kind in described]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    bare, full = sql.Identifier(f"bare_{table}"), sql.Identifier(table)
    connection.execute(sql.SQL("CREATE TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(bare, names, full))
    found = connection.execute(sql.SQL("SELECT {} FROM {} WHERE tenant_id = %s").format(names, full), (tenant,))
    rows = [tuple(Jsonb(value) if kind == "jsonb" else value for value, kind in zip(row, types, strict=True))
            for row in found.fetchall()]  # fmt: skip
    connection.commit()
    return Copied(table, columns, types, rows)
