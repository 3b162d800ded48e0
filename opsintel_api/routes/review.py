"""The review queue: analyses that a person is to look at, and what they say of them."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.learning.correcting import Value
from opsintel.learning.corrections import fault_of
from opsintel.learning.review import Resolution, resolve
from opsintel_api.models.review import ReviewItem, ReviewItemPage, ReviewParameters, ReviewResolution
from opsintel_api.problems import responses, unprocessable
from opsintel_api.reading import JSON, Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("review")


@routes.get("/review-items", response_model=ReviewItemPage)
async def list_review_items(reader: Reader, parameters: Annotated[ReviewParameters, Query()]) -> Response:
    """Return the messages whose analysis a person is to look at, each with its reason, most urgent first."""
    return reader.answer(await reader.page("review_items", parameters, parameters.state, parameters.reason))


@routes.post(
    "/review-items/{review_item_id}/resolve",
    response_model=ReviewItem,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def resolve_review_item(reader: Reader, review_item_id: UUID, asked: ReviewResolution) -> Response:
    """Say that an analysis is right, what is right instead, or nothing, and return the item.

    What is corrected is a correction like any other. 409 for an item that is resolved, or whose message has another
    analysis since.
    """
    for place, one in enumerate(asked.corrections):
        if fault := fault_of(one.field, one.value):
            raise unprocessable(f"corrections.{place}.value", fault)
    corrections: dict[str, Value] = {one.field: one.value for one in asked.corrections}
    principal, resolution = reader.principal, Resolution(asked.verdict, corrections, asked.reason)

    def write() -> None:
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            resolve(connection, principal.tenant_id, principal.actor, review_item_id, resolution)

    await asyncio.to_thread(write)
    return Response(await reader.one("review_item", review_item_id), media_type=JSON)
