"""Search by words, by meaning, or both."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from opsintel_api.models.messages import SearchParameters, SearchResult
from opsintel_api.reading import Reader, statement
from opsintel_api.routes import protected_router
from opsintel_api.semantic import current_model, query_vector

routes = protected_router("search")


@routes.get("/search", response_model=SearchResult)
async def search_messages(reader: Reader, parameters: Annotated[SearchParameters, Query()]) -> Response:
    """Return the messages that fit best; `hybrid` joins both lists by reciprocal rank."""
    vector = None
    async with reader.transaction() as connection:
        model = await current_model(connection)
    if model is not None and parameters.mode != "text":
        vector = await query_vector(reader, model, parameters.q)
    async with reader.transaction() as connection:
        body = await connection.fetchval(
            statement("search"),
            parameters.q,
            parameters.mode,
            vector,
            model.version if model else "",
            parameters.limit,
        )
    return reader.answer(str(body))
