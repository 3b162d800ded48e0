"""What a person does with a source that is connected: authorise it anew, change, pause, resume, remove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor, Detail, Entry, Subject, record
from opsintel.alerts.store import resolve_alerts
from opsintel.connectors.files.text import bounded, to_json
from opsintel.context import Context
from opsintel.errors import ConflictError, InputError, NotFoundError
from opsintel.sources.connect import checked, checked_credential, checked_name, checked_poll, remote_manifest
from opsintel.sources.credentials import Credentials
from opsintel.sources.oauth import require_safe_change

REMOVED = "It was removed; what it brought stays"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be otherwise; None leaves a thing as it is."""

    name: str | None = None
    config: Mapping[str, Any] | None = None
    credential: Mapping[str, str] | None = None
    poll_seconds: int | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    tenant_id: UUID
    id: UUID
    kind: str
    name: str
    config: dict[str, Any]
    secret_id: UUID | None
    push_secret_id: UUID | None
    state: str


def change_source(context: Context, tenant_id: UUID, source_id: UUID, change: Change, actor: Actor) -> None:
    """Change a source in one transaction.

    Another credential or configuration has it read at once, also where it was disabled. Raises `NotFoundError` for none
    of the tenant's, `InputError` for values that cannot be used, `ConflictError` for a twin.
    """
    with context.database.tenant_tx(tenant_id) as connection:
        row = _locked(connection, source_id)
        if change.credential is not None:
            _give_credential(connection, context.credentials, tenant_id, row, change.credential)
        if change.name is not None or change.config is not None:
            _rename(context, connection, row, change)
        if change.poll_seconds is not None:
            connection.execute(
                "UPDATE source SET poll_seconds = %s WHERE id = %s", (checked_poll(change.poll_seconds), source_id)
            )
        if change.paused is not None:
            _pause(connection, row, paused=change.paused)
        changed = [name for name in Change.__dataclass_fields__ if getattr(change, name) is not None]
        _record(connection, tenant_id, source_id, actor, "source.changed", {"changed": changed})


def remove_source(context: Context, tenant_id: UUID, source_id: UUID, actor: Actor) -> bool:
    """Destroy a source's credential and read it no more; True where the row went too, as nothing came from it.

    What it brought stays until retention or an erasure takes it. Raises `NotFoundError` for none of the tenant's.
    """
    with context.database.tenant_tx(tenant_id) as connection:
        row = _locked(connection, source_id)
        gone = connection.execute(
            "DELETE FROM source WHERE id = %(id)s AND NOT EXISTS (SELECT FROM raw_payload WHERE source_id = %(id)s)"
            " AND NOT EXISTS (SELECT FROM message_occurrence WHERE source_id = %(id)s)",
            {"id": source_id},
        )
        if gone.rowcount == 0:
            connection.execute(
                "UPDATE source SET state = 'disabled', detail = %s, secret_id = NULL, push_secret_id = NULL,"
                " poll_seconds = NULL, renew_at = NULL, config_key = id::text WHERE id = %s",
                (REMOVED, source_id),
            )
        connection.execute("DELETE FROM secret WHERE id = ANY(%s)", ([row.secret_id, row.push_secret_id],))
        resolve_alerts(connection, source_id, by_person=True)
        _record(connection, tenant_id, source_id, actor, "source.removed", {"kind": row.kind})
    return gone.rowcount == 1


def _give_credential(
    connection: psycopg.Connection, credentials: Credentials, tenant_id: UUID, row: _Row, given: Mapping[str, str]
) -> None:
    credential = checked_credential(remote_manifest(row.kind), given)
    secret_id = row.secret_id
    if secret_id is None:
        secret_id = credentials.store(connection, tenant_id, credential)
    else:
        credentials.replace(connection, tenant_id, secret_id, credential)
    connection.execute("UPDATE source SET secret_id = %s WHERE id = %s", (secret_id, row.id))
    _read_at_once(connection, row.id)


def _rename(context: Context, connection: psycopg.Connection, row: _Row, change: Change) -> None:
    name = row.name if change.name is None else checked_name(change.name)
    config = row.config
    if change.config is not None:
        manifest = remote_manifest(row.kind)
        config = checked(manifest.config_model, change.config, "configuration")
        if row.secret_id is not None:
            held = context.credentials.open(row.tenant_id, row.secret_id)
            require_safe_change(manifest, config, held, context.settings)
    try:
        with connection.transaction():
            connection.execute(
                "UPDATE source SET name = %(name)s, config = %(config)s,"
                " config_key = CASE WHEN %(is_file)s THEN config_key ELSE %(key)s END WHERE id = %(id)s",
                {
                    "name": name, "config": Jsonb(config), "id": row.id, "is_file": "path" in row.config,
                    "key": bounded(to_json({"name": name, "config": config}).decode()),
                },
            )  # fmt: skip
    except psycopg.errors.UniqueViolation:
        raise ConflictError("There is a source of this name with the same configuration") from None
    if change.config is not None:
        _read_at_once(connection, row.id)


def _pause(connection: psycopg.Connection, row: _Row, *, paused: bool) -> None:
    if not paused and row.state == "disabled":
        raise InputError("The source is disabled", remedy="Authorise it again")
    connection.execute(
        "UPDATE source SET state = %s, detail = '' WHERE id = %s", ("paused" if paused else "active", row.id)
    )
    resolve_alerts(connection, row.id, by_person=True)
    if not paused:
        _read_at_once(connection, row.id)


def _read_at_once(connection: psycopg.Connection, source_id: UUID) -> None:
    row = connection.execute(
        "UPDATE source SET state = CASE WHEN state = 'paused' THEN 'paused' WHEN secret_id IS NULL THEN state"
        " ELSE 'active' END, detail = CASE WHEN secret_id IS NULL THEN detail ELSE '' END, poll_failures = 0,"
        " next_poll_at = now(), renew_at = CASE WHEN renew_at IS NOT NULL THEN now() END WHERE id = %s"
        " RETURNING state",
        (source_id,),
    ).fetchone()
    if row == ("active",):
        resolve_alerts(connection, source_id, by_person=True)


def _locked(connection: psycopg.Connection, source_id: UUID) -> _Row:
    row = connection.execute(
        "SELECT tenant_id, id, kind, name, config, secret_id, push_secret_id, state FROM source"
        " WHERE id = %s FOR UPDATE",
        (source_id,),
    ).fetchone()
    if row is None:
        raise NotFoundError("There is no such source")
    return _Row(*row)


def _record(
    connection: psycopg.Connection,
    tenant_id: UUID,
    source_id: UUID,
    actor: Actor,
    action: str,
    details: Mapping[str, Detail],
) -> None:
    record(connection, Entry(tenant_id, actor, action, Subject("source", str(source_id)), details))
