"""Erase a tenant: its rows at Google, its accounts, rows and objects; its audit chain stays, of opaque ids alone."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Table

from opsintel.clock import today
from opsintel.context import Context
from opsintel.db.tables import declaration_of, metadata
from opsintel.errors import NotFoundError
from opsintel.partitions import Partition
from opsintel.people.requests import Erasure
from opsintel.tenants import Tenant, tenant_by_id
from opsintel_pipeline.act.sheets import run as sheets
from opsintel_pipeline.erasure.receipt import close, receipt_of, write_ledger
from opsintel_pipeline.erasure.work import LEASE

PAGE = 2_000


def preview_tenant(context: Context, tenant_id: UUID) -> Counter[str]:
    """Return what the erasure of a tenant would remove, by table and store; changes nothing."""
    counts: Counter[str] = Counter()
    counts["sheet_row"] = _written_rows(context, tenant_id)
    counts["object"] = sum(len(page) for page in context.objects.pages(tenant_id))
    with context.database.tenant_tx(tenant_id) as connection:
        for table in _tables():
            row = connection.execute(f"SELECT count(*) FROM {table.name}".encode()).fetchone()
            counts[table.name] = int(row[0]) if row else 0
    with context.database.system_tx() as connection:
        row = connection.execute(_ONLY_HERE, (tenant_id, tenant_id)).fetchone()
        counts["app_user"] = int(row[0]) if row else 0
    counts["tenant"] = 1
    return +counts


def erase_tenant(context: Context, erasure: Erasure) -> dict[str, object]:
    """Erase the tenant of an erasure that was taken in hand, and return the receipt. Killed anywhere it goes on."""
    counts = Counter(erasure.counts)
    try:
        tenant = tenant_by_id(context.database, erasure.tenant_id)
    except NotFoundError:
        tenant = None
    if tenant is not None:
        _suspend(context, tenant.id)
        _withdraw(context, tenant, erasure, counts)
        _delete_accounts(context, erasure, counts)
        _delete_rows(context, erasure, counts)
        _delete_tenant(context, erasure, counts)
    _delete_objects(context, erasure, counts)
    ledger_key = write_ledger(context, erasure, {})
    receipt = receipt_of(context, erasure, dict(+counts))
    close(context, erasure, receipt, dict(+counts), ledger_key)
    return receipt


_ONLY_HERE = (
    "SELECT count(*) FROM app_user WHERE id IN (SELECT user_id FROM membership WHERE tenant_id = %s)"
    " AND NOT EXISTS (SELECT FROM membership WHERE user_id = app_user.id AND tenant_id <> %s)"
)


def _suspend(context: Context, tenant_id: UUID) -> None:
    with context.database.system_tx() as connection:
        connection.execute("UPDATE tenant SET suspended_at = coalesce(suspended_at, now()) WHERE id = %s", (tenant_id,))


def _written_rows(context: Context, tenant_id: UUID) -> int:
    with context.database.tenant_tx(tenant_id) as connection:
        row = connection.execute("SELECT count(*) FROM export_row WHERE state = 'written'").fetchone()
    return int(row[0]) if row else 0


def _withdraw(context: Context, tenant: Tenant, erasure: Erasure, counts: Counter[str]) -> None:
    """Empty the rows at Google: an export without issues does that."""
    written = _written_rows(context, tenant.id)
    if not written:
        return
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE issue SET messages = 0")
    sheets.run(context, Partition(today(), tenant.id, tenant.slug))
    counts["sheet_row"] += written - _written_rows(context, tenant.id)
    _keep(context, erasure, counts)


def _tables() -> list[Table]:
    """Return the tables whose rows go, those that refer to others first."""
    return [
        table
        for table in reversed(metadata.sorted_tables)
        if declaration_of(table).tenant_column == "tenant_id" and "DELETE" in declaration_of(table).tenant_rights
    ]


def _delete_rows(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        connection.execute("UPDATE issue SET merged_into = NULL, example_message_id = NULL")
    for table in _tables():
        deleted = PAGE
        while deleted == PAGE:
            with context.database.tenant_tx(erasure.tenant_id) as connection:
                deleted = connection.execute(
                    f"DELETE FROM {table.name} WHERE ctid = ANY(ARRAY("
                    f"SELECT ctid FROM {table.name} LIMIT {PAGE}))".encode()
                ).rowcount
                counts[table.name] += deleted
                _note(connection, erasure, counts)


def _delete_accounts(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    """Delete the memberships, and the accounts that are left without any."""
    with context.database.system_tx() as connection:
        members = connection.execute(
            "DELETE FROM membership WHERE tenant_id = %s RETURNING user_id", (erasure.tenant_id,)
        ).fetchall()
        counts["membership"] += len(members)
        counts["app_user"] += connection.execute(
            "DELETE FROM app_user WHERE id = ANY(%s)"
            " AND NOT EXISTS (SELECT FROM membership WHERE user_id = app_user.id)",
            ([row[0] for row in members],),
        ).rowcount
    _keep(context, erasure, counts)


def _delete_tenant(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    with context.database.system_tx() as connection:
        counts["tenant"] += connection.execute("DELETE FROM tenant WHERE id = %s", (erasure.tenant_id,)).rowcount
    _keep(context, erasure, counts)


def _delete_objects(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    for page in context.objects.pages(erasure.tenant_id):
        context.objects.delete([stored.key for stored in page])
        counts["object"] += len(page)
    _keep(context, erasure, counts)


def _keep(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        _note(connection, erasure, counts)


def _note(connection: psycopg.Connection, erasure: Erasure, counts: Counter[str]) -> None:
    connection.execute(
        "UPDATE erasure SET counts = %s, lease_until = now() + %s WHERE id = %s",
        (Jsonb(dict(counts)), LEASE, erasure.id),
    )
