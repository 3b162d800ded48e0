"""A correction is made or undone: the message shows it at once, its issue and the figures of its day follow."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.errors import InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.learning.corrections import SHOWN, fault_of, hold_messages, overlay
from opsintel.learning.rules import propose
from opsintel.queue.outbox import announce_days

Value = str | int | None


def correct(
    connection: psycopg.Connection,
    tenant_id: UUID,
    author: Actor,
    message_id: UUID,
    field: str,
    value: Value,
    reason: str = "",
) -> UUID:
    """Correct a field of what was found in a message, in the caller's transaction; return the id of the correction.

    Raises `InputError` for what the field cannot be, `NotFoundError` for a message that is none of the tenant's.
    """
    if fault := fault_of(field, value):
        raise InputError(fault, remedy="Give one of its values")
    days = _held(connection, message_id)
    correction_id = new_id()
    shown = shown_of(connection, [message_id]).get(message_id)
    connection.execute(
        "INSERT INTO correction (tenant_id, id, message_id, field, old_value, new_value, reason, actor_kind, actor_id,"
        " created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())",
        (
            tenant_id, correction_id, message_id, field, Jsonb(shown[field]) if shown else None, Jsonb(value),
            reason, author.kind, author.id,
        ),
    )  # fmt: skip
    _carry_out(connection, tenant_id, message_id, days)
    record(connection, _entry(tenant_id, author, "correction.made", correction_id, field))
    return correction_id


def undo(connection: psycopg.Connection, tenant_id: UUID, author: Actor, correction_id: UUID) -> bool:
    """Take a correction back, in the caller's transaction; tell whether it stood. `NotFoundError` where there is none.

    What stood before it is shown again.
    """
    row = connection.execute("SELECT message_id FROM correction WHERE id = %s", (correction_id,)).fetchone()
    if row is None:
        raise NotFoundError("There is no such correction")
    days = _held(connection, row[0])
    undone = connection.execute(
        "UPDATE correction SET undone_at = clock_timestamp() WHERE id = %s AND undone_at IS NULL RETURNING field",
        (correction_id,),
    ).fetchone()
    if undone is None:
        return False
    _carry_out(connection, tenant_id, row[0], days)
    record(connection, _entry(tenant_id, author, "correction.undone", correction_id, undone[0]))
    return True


def shown_of(connection: psycopg.Connection, message_ids: Collection[UUID]) -> dict[UUID, dict[str, Value]]:
    """Return the fields that can be corrected as they are shown, by message; none for one without an analysis."""
    with psycopg.RawCursor(connection) as cursor:
        rows = cursor.execute(SHOWN, (list(message_ids),)).fetchall()
    return {message_id: shown for _, message_id, _, shown in rows}


def _held(connection: psycopg.Connection, message_id: UUID) -> list[date]:
    days = hold_messages(connection, [message_id])
    if not days:
        raise NotFoundError("There is no such message")
    return days


def _carry_out(connection: psycopg.Connection, tenant_id: UUID, message_id: UUID, days: Collection[date]) -> None:
    overlay(connection, [message_id])
    propose(connection, tenant_id, message_id)
    announce_days(connection, tenant_id, days, "correction", "issues")


def _entry(tenant_id: UUID, author: Actor, action: str, correction_id: UUID, field: str) -> Entry:
    return Entry(tenant_id, author, action, Subject("correction", str(correction_id)), {"field": field})
