"""Where a tenant's rows go: set up a target."""

from __future__ import annotations

import re
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.errors import CredentialError, InputError, one_line
from opsintel.ids import new_id
from opsintel_pipeline.act.sheets.client import SheetsClient

TAB_LIMIT = 100
"""Characters of the name of a tab."""
_SPREADSHEET_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


def ensure_sheet(context: Context, tenant_id: UUID, spreadsheet_id: str, worksheet: str, key: bytes | None) -> UUID:
    """Return the target of a spreadsheet's tab, made when it is not there.

    The key of a service account is sealed, and takes the place of one given before. Raises `InputError` for what is no
    id, `CredentialError` for what is no key, or where there is none at all; then nothing is stored.
    """
    if not _SPREADSHEET_ID.fullmatch(spreadsheet_id):
        raise InputError(
            f"'{spreadsheet_id}' is no id of a spreadsheet", remedy="It stands in the address, between /d/ and /edit"
        )
    if key is not None:
        SheetsClient(key, spreadsheet_id, coordinator=context.coordinator)
    config = {"spreadsheet_id": spreadsheet_id, "worksheet": one_line(worksheet)[:TAB_LIMIT]}
    with context.database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "SELECT id, secret_id FROM export_target WHERE kind = 'google_sheet' AND config @> %s", (Jsonb(config),)
        ).fetchone()
    secret_id = row[1] if row is not None else None
    if key is None and secret_id is None and context.settings.google_service_account_file is None:
        raise CredentialError(
            "This sheet has no credential", remedy="Give it a service account, or set one for the installation"
        )
    if key is not None:
        secret_id = _keep(context, tenant_id, secret_id, key)
    target_id = UUID(str(row[0])) if row is not None else new_id()
    with context.database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "INSERT INTO export_target (tenant_id, id, kind, name, config, secret_id)"
            " VALUES (%s, %s, 'google_sheet', %s, %s, %s)"
            " ON CONFLICT (tenant_id, id) DO UPDATE SET secret_id = excluded.secret_id",
            (tenant_id, target_id, config["worksheet"], Jsonb(config | {"deleted_rows": "stay"}), secret_id),
        )
    return target_id


def _keep(context: Context, tenant_id: UUID, secret_id: UUID | None, key: bytes) -> UUID:
    """Seal a key, in the place of the one there was, and return the id of its secret."""
    keyring = Keyring(context.database, MasterKeys.of(context.settings))
    if secret_id is None:
        return keyring.store(tenant_id, "sheets.service_account", key)
    keyring.replace(tenant_id, secret_id, key)
    return secret_id
