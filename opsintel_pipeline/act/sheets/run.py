"""Export a tenant's issues to its sheets. A second export with nothing new writes no cell.

Every export begins by reading the keys that stand in the sheet, so a write whose outcome is unknown is looked up
before anything is written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from opsintel import tracing
from opsintel.context import Context
from opsintel.coordination.contract import Key
from opsintel.coordination.hold import Held, held
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.errors import CredentialError, FatalError, InputError
from opsintel.llm.sending import sending_of
from opsintel.partitions import Partition, StageResult
from opsintel_pipeline.act.rows import KEY_COLUMN, issue_rows
from opsintel_pipeline.act.sheets.client import SheetsClient
from opsintel_pipeline.act.sheets.plan import SheetPlan, Written, merged_ranges, plan_sheet

DEFAULT_WORKSHEET = "opsintel issues"
LEASE = timedelta(seconds=150)
"""Longer than the pace of an account makes a request wait; each request begins it anew."""
PATIENCE_SECONDS = 160.0
"""A process that died over a sheet keeps it no longer than its lease."""


@dataclass(frozen=True, slots=True)
class Target:
    """A sheet of a tenant."""

    id: UUID
    tenant_id: UUID
    config: dict[str, Any]
    secret_id: UUID | None
    state: str = "active"


def run(context: Context, partition: Partition) -> StageResult:
    """Bring every active sheet of the tenant up to date; returns the rows that stand in them.

    A sheet that cannot be written is recorded as failing with its reason; the others go on. A tenant that is local only
    publishes nothing: what stands in its sheets stays as it is.
    """
    with context.database.tenant_tx(partition.tenant_id) as connection:
        is_local_only = sending_of(connection).local_only
    if is_local_only:
        for target in (targets := _targets(context, partition.tenant_id)):
            _set_state(context, target, "failing", "The tenant is local only: nothing is published")
        return StageResult(0, {"write_requests": 0, "targets_failing": len(targets)})
    return _export(context, _targets(context, partition.tenant_id))


def export_all(context: Context, tenant_id: UUID) -> StageResult:
    """Bring the sheets up to date that are paused as well, which stay paused: what was erased goes from all of them."""
    return _export(context, _targets(context, tenant_id, also_paused=True))


def _export(context: Context, targets: list[Target]) -> StageResult:
    rows = writes = failing = 0
    for target in targets:
        try:
            written, requests = export_target(context, target)
        except FatalError as error:
            _set_state(context, target, "failing", error.line())
            failing += 1
            continue
        _set_state(context, target, "active", "")
        rows += written
        writes += requests
    return StageResult(rows, {"write_requests": writes, "targets_failing": failing})


def export_target(context: Context, target: Target) -> tuple[int, int]:
    """Export to one sheet; returns (rows that stand there, write requests made).

    One process at a time writes a sheet, since two would give a place to different rows. Raises `UnavailableError`
    when another one still does after a while.
    """
    key = Key(target.tenant_id, f"sheet:{target.id}")
    with held(context.coordinator, key, LEASE, patience=PATIENCE_SECONDS) as turn:
        return _export_alone(context, target, turn)


def _export_alone(context: Context, target: Target, turn: Held) -> tuple[int, int]:
    client = SheetsClient(
        _credential(context, target),
        target.config["spreadsheet_id"],
        context.settings.google_sheets_endpoint,
        coordinator=context.coordinator,
        before_request=turn.keep,
    )
    worksheet = client.open_worksheet(target.config.get("worksheet", DEFAULT_WORKSHEET), KEY_COLUMN)
    with context.database.tenant_tx(target.tenant_id) as connection:
        rows = issue_rows(connection, context.settings.dashboard_url)
        ledger = {
            key: Written(bytes(digest), state)
            for key, digest, state in connection.execute(
                "SELECT row_key, row_hash, state FROM export_row WHERE target_id = %s", (target.id,)
            ).fetchall()
        }
    deleted_rows = target.config.get("deleted_rows", "stay")
    plan = plan_sheet(rows, worksheet.header, worksheet.keys, ledger, deleted_rows)
    if plan.updates:
        client.make_room(worksheet, plan.rows_needed, plan.columns_needed)
        client.write(worksheet, merged_ranges(plan.updates))
        if plan.new_header:
            client.hide_column(worksheet, plan.key_column)
    _record(context, target, plan)
    with context.database.tenant_tx(target.tenant_id) as connection:
        row = connection.execute(
            "SELECT count(*) FROM export_row WHERE target_id = %s AND state = 'written'", (target.id,)
        ).fetchone()
    return (int(row[0]) if row else 0), client.writes


def _credential(context: Context, target: Target) -> bytes:
    if target.secret_id is not None:
        keyring = Keyring(context.database, MasterKeys.of(context.settings))
        return keyring.open(target.tenant_id, target.secret_id).reveal()
    file = context.settings.google_service_account_file
    if file is None:
        raise CredentialError(
            "This sheet has no credential", remedy="Give it a service account, or set one for the installation"
        )
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None


def _targets(context: Context, tenant_id: UUID, *, also_paused: bool = False) -> list[Target]:
    with context.database.tenant_tx(tenant_id) as connection:
        rows = connection.execute(
            "SELECT id, tenant_id, config, secret_id, state FROM export_target"
            " WHERE kind = 'google_sheet' AND (state <> 'paused' OR %s) ORDER BY created_at, id",
            (also_paused,),
        ).fetchall()
    return [Target(*row) for row in rows]


def _record(context: Context, target: Target, plan: SheetPlan) -> None:
    with context.database.tenant_tx(target.tenant_id) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO export_row (tenant_id, target_id, row_key, row_hash, row_number, state, trace_id, exported_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, now()) ON CONFLICT (tenant_id, target_id, row_key) DO UPDATE SET"
            " row_hash = excluded.row_hash, row_number = excluded.row_number, state = excluded.state,"
            " trace_id = CASE WHEN export_row.row_hash <> excluded.row_hash THEN excluded.trace_id"
            " ELSE export_row.trace_id END,"
            " exported_at = excluded.exported_at",
            [
                (target.tenant_id, target.id, key, digest, place, state, tracing.current().trace_id or None)
                for key, (state, place, digest) in plan.states.items()
            ],
        )


def _set_state(context: Context, target: Target, state: str, detail: str) -> None:
    with context.database.tenant_tx(target.tenant_id) as connection:
        connection.execute(
            "UPDATE export_target SET detail = %(detail)s,"
            " state = CASE WHEN state = 'paused' THEN state ELSE %(state)s END,"
            " exported_at = CASE WHEN %(state)s = 'active' THEN now() ELSE exported_at END WHERE id = %(id)s",
            {"state": state, "detail": detail, "id": target.id},
        )
