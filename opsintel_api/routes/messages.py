"""Messages."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel_api.models.messages import Message, MessageListParameters, MessagePage
from opsintel_api.problems import responses
from opsintel_api.reading import Reader, period_of
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("messages")


@routes.get("/messages", response_model=MessagePage)
async def list_messages(reader: Reader, parameters: Annotated[MessageListParameters, Query()]) -> Response:
    """Return messages of a span of days, latest first."""
    async with reader.transaction() as connection:
        first, last = await period_of(connection, parameters, longest=None)
    body = await reader.page(
        "messages", parameters, first, last, parameters.source, parameters.kind, parameters.severity,
        parameters.actionable, parameters.q,
    )  # fmt: skip
    return reader.answer(body)


@routes.get(
    "/messages/{message_id}", response_model=Message, responses=responses(404), dependencies=[WITHOUT_PARAMETERS]
)
async def get_message(reader: Reader, message_id: UUID) -> Response:
    """Return a message with its texts, conversation, analysis and the reason why it is in its issue."""
    return reader.answer(await reader.one("message", message_id))
