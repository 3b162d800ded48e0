"""Where a tenant's rows go: set up a target."""

from __future__ import annotations

from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.crypto.keyring import Keyring
from opsintel.ids import new_id


def ensure_sheet(context: Context, tenant_id: UUID, spreadsheet_id: str, worksheet: str, key: bytes | None) -> UUID:
    """Return the target of a spreadsheet's tab, made when it is not there; the service account's key is sealed."""
    config = {"spreadsheet_id": spreadsheet_id, "worksheet": worksheet}
    with context.database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "SELECT id FROM export_target WHERE kind = 'google_sheet' AND config @> %s", (Jsonb(config),)
        ).fetchone()
    if row is not None:
        return UUID(str(row[0]))
    secret_id = None
    if key is not None:
        keyring = Keyring(context.database, context.settings.master_key())
        secret_id = keyring.store(tenant_id, "sheets.service_account", key)
    target_id = new_id()
    with context.database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "INSERT INTO export_target (tenant_id, id, kind, name, config, secret_id)"
            " VALUES (%s, %s, 'google_sheet', %s, %s, %s)",
            (tenant_id, target_id, worksheet, Jsonb(config | {"deleted_rows": "stay"}), secret_id),
        )
    return target_id
