"""Sources: state, completeness, failures."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.clock import today
from opsintel_api.models.common import PageParameters
from opsintel_api.models.sources import SourceFailurePage, SourceList
from opsintel_api.problems import responses
from opsintel_api.reading import Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("sources")


@routes.get("/sources", response_model=SourceList, dependencies=[WITHOUT_PARAMETERS])
async def list_sources(reader: Reader) -> Response:
    """Return all sources with their volume, open failures and completeness by day."""
    return reader.answer(await reader.one("sources", today()))


@routes.get("/sources/{source_id}/failures", response_model=SourceFailurePage, responses=responses(404))
async def list_source_failures(
    reader: Reader, source_id: UUID, parameters: Annotated[PageParameters, Query()]
) -> Response:
    """Return the items of a source that could not be read, each with its reason."""
    await reader.one("source_exists", source_id)
    return reader.answer(await reader.page("source_failures", parameters, source_id))
