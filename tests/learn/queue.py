"""What tests of learning share: a tenant's messages with analyses that say what a test wants."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import psycopg

from opsintel.access.audit import Actor
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.learning.correcting import Value, correct
from opsintel.partitions import Partition
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.message import COLUMNS, MessageView
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.rows import Made, Origin, store
from opsintel_pipeline.analyze.rules import analyze
from tests.seeding import insert

DAY = date(2026, 11, 20)
PERSON = Actor("person", "01993c5e-7c00-7000-8000-000000000001")
BY_MODEL = Origin("openai", "gpt-4o-mini", "default-1.aaaa")
SURE = dict.fromkeys(("is_actionable", "kind", "category", "severity", "sentiment"), 0.9)
LONG = "The export of the monthly report fails with an error since the update and nobody of us can work on it, number "


def write(
    connection: psycopg.Connection, tenant: Tenant, texts: Sequence[str], day: date = DAY, **fields: Any
) -> list[UUID]:
    """Write messages of a day straight into the table; returns their ids."""
    ids = []
    for number, text in enumerate(texts):
        message_id, thread = new_id(), new_id()
        insert(connection, "thread", tenant_id=tenant.id, id=thread, key=str(thread), kind="email", subject="")
        values: dict[str, Any] = {
            "kind": "email", "partition_day": day, "thread_id": thread, "direction": "inbound",
            "occurred_at": datetime.combine(day, time(9), UTC) + timedelta(seconds=number),
            "content_hash": hashlib.sha256(text.encode()).digest(), "visibility": "public", "subject": "",
            "language": "en",
        } | fields  # fmt: skip
        insert(connection, "message", tenant_id=tenant.id, id=message_id, text=text, **values)
        ids.append(message_id)
    return ids


def view_of(connection: psycopg.Connection, message_id: UUID) -> tuple[date, MessageView]:
    """Return the partition of a message, and what an analysis is made of."""
    row = connection.execute(f"SELECT partition_day, {COLUMNS} FROM message WHERE id = %s", (message_id,)).fetchone()
    assert row is not None
    return row[0], MessageView(*row[1:])


def analysed(
    connection: psycopg.Connection, tenant: Tenant, message_id: UUID, origin: Origin = BY_MODEL, **fields: Any
) -> Analysis:
    """Store an analysis as the stage does: that of the rules, sure of itself, with what a test wants instead."""
    day, view = view_of(connection, message_id)
    found = analyze(view).model_copy(update={"confidence": SURE, **fields})
    store(connection, Partition(day, tenant.id, tenant.slug), [Made(message_id, view, found, origin)])
    return found


def corrected(database: Database, tenant: Tenant, message_id: UUID, field: str, value: Value) -> UUID:
    """Correct a field as a person does."""
    with database.tenant_tx(tenant.id) as connection:
        return correct(connection, tenant.id, PERSON, message_id, field, value)
