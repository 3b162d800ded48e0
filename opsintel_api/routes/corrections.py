"""Corrections: they stand over what was found, now and in every analysis to come, until they are undone."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsintel.access.audit import Entry, Subject, record_async
from opsintel.ids import new_id
from opsintel.learning.corrections import HOLD, OVERLAY, SHOWN, fault_of
from opsintel.queue.contract import CHANNEL, PARTITION_DIRTY
from opsintel.queue.outbox import dirty_day
from opsintel_api.models.corrections import Correction, CorrectionPage, CorrectionParameters, CorrectionRequest
from opsintel_api.problems import not_found, responses, unprocessable
from opsintel_api.reading import JSON, Reader, Reading, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("corrections")


@routes.post(
    "/corrections",
    response_model=Correction,
    status_code=201,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def correct(reader: Reader, asked: CorrectionRequest) -> Response:
    """Correct a field of what was found in a message.

    The message shows it at once; its issue and the figures of its day follow. It survives every later analysis.
    """
    if fault := fault_of(asked.field, asked.value):
        raise unprocessable("value", fault)
    principal, correction_id = reader.principal, new_id()
    async with reader.transaction() as connection:
        day = await _held(connection, asked.message_id)
        shown = await connection.fetchrow(SHOWN, [asked.message_id])
        old = None if shown is None else json.dumps(json.loads(shown["shown"])[asked.field])
        body = await connection.fetchval(
            statement("correction_store"), principal.tenant_id, correction_id, asked.message_id, asked.field, old,
            json.dumps(asked.value), asked.reason, principal.actor.kind, principal.actor.id,
        )  # fmt: skip
        await _carry_out(reader, connection, asked.message_id, day)
        await record_async(connection, _entry(reader, "correction.made", correction_id, asked.field))
    return Response(body, 201, media_type=JSON)


@routes.get("/corrections", response_model=CorrectionPage)
async def list_corrections(reader: Reader, parameters: Annotated[CorrectionParameters, Query()]) -> Response:
    """Return corrections, latest first, those that were undone too."""
    return reader.answer(await reader.page("corrections", parameters, parameters.message_id))


@routes.delete(
    "/corrections/{correction_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS]
)
async def undo_correction(reader: Reader, correction_id: UUID) -> Response:
    """Take a correction back: what stood before it is shown again. Nothing changes for one that is undone already."""
    async with reader.transaction() as connection:
        message_id = await connection.fetchval("SELECT message_id FROM correction WHERE id = $1", correction_id)
        if message_id is None:
            raise not_found()
        day = await _held(connection, message_id)
        field = await connection.fetchval(statement("correction_undo"), correction_id)
        if field is not None:
            await _carry_out(reader, connection, message_id, day)
            await record_async(connection, _entry(reader, "correction.undone", correction_id, field))
    return Response(status_code=204)


async def _held(connection: Any, message_id: UUID) -> date:
    """Hold a message until the transaction ends and return its partition; 404 when there is none."""
    day = await connection.fetchval(HOLD, [message_id])
    if day is None:
        raise not_found()
    assert isinstance(day, date)
    return day


async def _carry_out(reader: Reading, connection: Any, message_id: UUID, day: date) -> None:
    await connection.execute(OVERLAY, [message_id])
    payload = json.dumps(dirty_day(day, "correction", "issues"))
    await connection.execute(
        statement("outbox_store"), reader.principal.tenant_id, new_id(), PARTITION_DIRTY, payload
    )  # fmt: skip
    await connection.execute("SELECT pg_notify($1, '')", CHANNEL)


def _entry(reader: Reading, action: str, correction_id: UUID, field: str) -> Entry:
    principal = reader.principal
    return Entry(
        principal.tenant_id, principal.actor, action, Subject("correction", str(correction_id)), {"field": field}
    )
