"""Corrections: they stand over what was found, now and in every analysis to come, until they are undone."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.learning.correcting import correct as make_correction
from opsintel.learning.correcting import undo
from opsintel.learning.corrections import fault_of
from opsintel_api.models.corrections import Correction, CorrectionPage, CorrectionParameters, CorrectionRequest
from opsintel_api.problems import responses, unprocessable
from opsintel_api.reading import JSON, Reader
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
    principal = reader.principal

    def write() -> UUID:
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            return make_correction(
                connection, principal.tenant_id, principal.actor, asked.message_id, asked.field, asked.value,
                asked.reason,
            )  # fmt: skip

    correction_id = await asyncio.to_thread(write)
    return Response(await reader.one("correction", correction_id), 201, media_type=JSON)


@routes.get("/corrections", response_model=CorrectionPage)
async def list_corrections(reader: Reader, parameters: Annotated[CorrectionParameters, Query()]) -> Response:
    """Return corrections, latest first, those that were undone too."""
    return reader.answer(await reader.page("corrections", parameters, parameters.message_id))


@routes.delete(
    "/corrections/{correction_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS]
)
async def undo_correction(reader: Reader, correction_id: UUID) -> Response:
    """Take a correction back: what stood before it is shown again. Nothing changes for one that is undone already."""
    principal = reader.principal

    def write() -> None:
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            undo(connection, principal.tenant_id, principal.actor, correction_id)

    await asyncio.to_thread(write)
    return Response(status_code=204)
