"""Erase a tenant: its rows at Google, its accounts, rows and objects; its audit chain stays, of opaque ids alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Table

from opsintel.context import Context
from opsintel.crypto.keyring import destroy_data_keys
from opsintel.db.tables import declaration_of, metadata
from opsintel.errors import NotFoundError, UnavailableError
from opsintel.llm.answers import forget_answers
from opsintel.llm.batch.withdraw import withdraw
from opsintel.people.requests import Erasure
from opsintel.tenants import Tenant, tenant_by_id
from opsintel_pipeline.act.sheets.run import export_all
from opsintel_pipeline.erasure.receipt import close, left_in_sheets, receipt_of, write_ledger
from opsintel_pipeline.erasure.work import LEASE

PAGE = 2_000

SHEETS_TRIED = 5
"""How often an erasure waits for a spreadsheet that cannot be reached; then the receipt names it."""

BATCHES_TRIED = 5
"""How often it waits until a provider has ended and deleted a batch; what is left there then, the provider deletes."""

_ACCOUNTS = "id IN (SELECT user_id FROM membership WHERE tenant_id = %(tenant)s)"
_ONLY_HERE = (
    f"{_ACCOUNTS} AND NOT EXISTS (SELECT FROM membership WHERE user_id = app_user.id AND tenant_id <> %(tenant)s)"
)
_OF_INSTALLATION: tuple[tuple[str, str], ...] = (
    ("refresh_token", "tenant_id = %(tenant)s"),
    ("analyst", "tenant_id = %(tenant)s"),
    ("quarantine", "tenant_id = %(tenant)s"),
    ("rate_limit", "key LIKE %(tenant)s::text || '/%%'"),
    ("named_lock", "key LIKE %(tenant)s::text || '/%%'"),
    ("app_user", _ONLY_HERE),
    ("membership", "tenant_id = %(tenant)s"),
)
"""Rows of a tenant in tables of the installation, and whose accounts go with it; an analyst's login goes by trigger."""


def preview_tenant(context: Context, tenant_id: UUID) -> Counter[str]:
    """Return what the erasure of a tenant would remove, by table and store; changes nothing."""
    counts: Counter[str] = Counter()
    counts["sheet_row"] = _written_rows(context, tenant_id)
    counts["object"] = sum(len(page) for page in context.objects.pages(tenant_id))
    with context.database.tenant_tx(tenant_id) as connection:
        for table in _tables():
            row = connection.execute(f"SELECT count(*) FROM {table.name}".encode()).fetchone()
            counts[table.name] = int(row[0]) if row else 0
    counts |= Counter(_of_installation(context, tenant_id))
    counts["tenant"] = 1
    return +counts


def erase_tenant(context: Context, erasure: Erasure) -> dict[str, object]:
    """Erase the tenant of an erasure that was taken in hand, and return the receipt. Killed anywhere it goes on.

    Raises `UnavailableError` while one of its spreadsheets cannot be reached.
    """
    counts = Counter(erasure.counts)
    left: list[dict[str, str]] = list(erasure.progress.get("sheets_left", []))
    try:
        tenant = tenant_by_id(context.database, erasure.tenant_id)
    except NotFoundError:
        tenant = None
    if tenant is not None:
        _suspend(context, tenant.id)
        left = _withdraw(context, tenant, erasure, counts, left)
        if withdraw(context, tenant.id) and erasure.attempts < BATCHES_TRIED:
            raise UnavailableError("A batch of questions is still at its provider", remedy="It is tried again")
        for step in STEPS:
            step(context, erasure, counts)
    _delete_objects(context, erasure, counts)
    ledger_key = write_ledger(context, erasure, {})
    receipt = receipt_of(context, erasure, dict(+counts), sheets_left=left)
    close(context, erasure, receipt, dict(+counts), ledger_key)
    return receipt


def _suspend(context: Context, tenant_id: UUID) -> None:
    with context.database.system_tx() as connection:
        connection.execute("UPDATE tenant SET suspended_at = coalesce(suspended_at, now()) WHERE id = %s", (tenant_id,))


def _written_rows(context: Context, tenant_id: UUID) -> int:
    with context.database.tenant_tx(tenant_id) as connection:
        row = connection.execute("SELECT count(*) FROM export_row WHERE state = 'written'").fetchone()
    return int(row[0]) if row else 0


def _withdraw(
    context: Context, tenant: Tenant, erasure: Erasure, counts: Counter[str], known: list[dict[str, str]]
) -> list[dict[str, str]]:
    """Empty the rows at Google, by an export without issues; returns the spreadsheets that still hold some."""
    written = _written_rows(context, tenant.id)
    if not written or known:
        return known
    counts["sheet_row"] = max(counts["sheet_row"], written)
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE issue SET messages = 0")
        _note(connection, erasure, counts)
    try:
        export_all(context, tenant.id)
    except UnavailableError:
        if erasure.attempts < SHEETS_TRIED:
            raise
    left = left_in_sheets(context, tenant.id)
    counts["sheet_row"] -= _written_rows(context, tenant.id)
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute(
            "UPDATE erasure SET progress = progress || %s WHERE id = %s", (Jsonb({"sheets_left": left}), erasure.id)
        )
        _note(connection, erasure, counts)
    return left


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


def _destroy_keys(context: Context, erasure: Erasure, _counts: Counter[str]) -> None:
    """From here on no credential of the tenant opens, whatever copy of its rows there is."""
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        destroy_data_keys(connection, erasure.tenant_id)


def _of_installation(context: Context, tenant_id: UUID) -> dict[str, int]:
    counts = {}
    with context.database.system_tx() as connection:
        for table, condition in _OF_INSTALLATION:
            row = connection.execute(
                f"SELECT count(*) FROM {table} WHERE {condition}".encode(), {"tenant": tenant_id}
            ).fetchone()
            counts[table] = int(row[0]) if row else 0
    return counts


def _delete_of_installation(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    """Delete sessions, logins, limits and memberships, and the accounts that are left without any membership."""
    for table, count in _of_installation(context, erasure.tenant_id).items():
        counts[table] = max(counts[table], count)  # counted before: what was deleted by a try that died counts too
    _keep(context, erasure, counts)
    with context.database.system_tx() as connection:
        for table, condition in _OF_INSTALLATION:
            connection.execute(f"DELETE FROM {table} WHERE {condition}".encode(), {"tenant": erasure.tenant_id})
    context.coordinator.forget(erasure.tenant_id)


def _delete_tenant(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    counts["tenant"] = 1
    _keep(context, erasure, counts)
    with context.database.system_tx() as connection:
        connection.execute("DELETE FROM tenant WHERE id = %s", (erasure.tenant_id,))


STEPS: tuple[Callable[[Context, Erasure, Counter[str]], None], ...] = (
    _destroy_keys,
    _delete_of_installation,
    _delete_rows,
    _delete_tenant,
)


def _delete_objects(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    pages = list(context.objects.pages(erasure.tenant_id))
    counts["object"] = max(counts["object"], sum(map(len, pages)))
    _keep(context, erasure, counts)
    for page in pages:
        context.objects.delete([stored.key for stored in page])
    forget_answers(context.settings, erasure.tenant_id)


def _keep(context: Context, erasure: Erasure, counts: Counter[str]) -> None:
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        _note(connection, erasure, counts)


def _note(connection: psycopg.Connection, erasure: Erasure, counts: Counter[str]) -> None:
    connection.execute(
        "UPDATE erasure SET counts = %s, lease_until = now() + %s WHERE id = %s",
        (Jsonb(dict(counts)), LEASE, erasure.id),
    )
