"""Filters: kept by name, version by version, and previewed before they are."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated
from uuid import UUID

import psycopg
from fastapi import Query, Response

from opsintel.clock import now
from opsintel.errors import AccessError, NotFoundError
from opsintel.filters.document import document_of
from opsintel.filters.preview import preview
from opsintel.filters.saved import Author, archive_filter, change_filter, read_filter, save_filter
from opsintel.filters.text import written
from opsintel.sources.following import follow, plans_of
from opsintel_api.auth.principal import Principal
from opsintel_api.models.common import PageParameters
from opsintel_api.models.filters import (
    ChangedFilter,
    Filter,
    FilterDetail,
    FilterPreview,
    FilterRequest,
    KeptFilterPage,
)
from opsintel_api.problems import responses
from opsintel_api.reading import JSON, Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("filters")

EVERYONES, SOURCES = "rules.manage", "sources.manage"


@routes.get("/filters", response_model=KeptFilterPage)
async def list_filters(reader: Reader, parameters: Annotated[PageParameters, Query()]) -> Response:
    """Return the tenant's filters by name, each with the sources that go by it."""
    return reader.answer(await reader.page("filters", parameters))


@routes.post(
    "/filters",
    response_model=FilterDetail,
    status_code=201,
    responses=responses(409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def create_filter(reader: Reader, asked: FilterRequest) -> Response:
    """Keep a filter by a name. 409 where there is one of this name; 422 names the character that is wrong."""
    tree, principal = read_filter(asked.text, asked.tree), reader.principal

    def save() -> UUID:
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            return save_filter(connection, principal.tenant_id, asked.name, tree, _author(principal))

    filter_id = await asyncio.to_thread(save)
    location = {"Location": f"/v1/filters/{filter_id}"}
    return Response(await reader.one("filter", filter_id), 201, location, media_type=JSON)


@routes.post("/filter-previews", response_model=FilterPreview, dependencies=[WITHOUT_PARAMETERS])
async def preview_filter(reader: Reader, asked: Filter) -> Response:
    """Say what a filter would select of the last 30 days, and what of it the providers do not evaluate."""
    tree, tenant_id = read_filter(asked.text, asked.tree), reader.principal.tenant_id
    database = reader.services.context.database

    def look() -> tuple[dict[str, object], list[UUID]]:
        at = now()
        with database.tenant_tx(tenant_id) as connection:
            found = preview(connection, tree, at)
            plans = plans_of(connection, tree, at)
        shown = {
            "text": written(tree), "tree": document_of(tree), "messages": found.messages,
            "messages_per_day": found.messages_per_day, "cost_usd_per_month": found.cost_usd_per_month,
            "providers": plans,
        }  # fmt: skip
        return shown, list(found.samples)

    shown, samples = await asyncio.to_thread(look)
    shown["samples"] = json.loads(await reader.one("filter_samples", samples))
    return Response(json.dumps(shown), media_type=JSON)


@routes.get(
    "/filters/{filter_id}", response_model=FilterDetail, responses=responses(404), dependencies=[WITHOUT_PARAMETERS]
)
async def get_filter(reader: Reader, filter_id: UUID) -> Response:
    """Return a filter with all of its versions, also one that was put away."""
    return reader.answer(await reader.one("filter", filter_id))


@routes.put(
    "/filters/{filter_id}",
    response_model=ChangedFilter,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def change_kept_filter(reader: Reader, filter_id: UUID, asked: FilterRequest) -> Response:
    """Change a filter: another version, where it says something else. Sources that go by it select anew, by jobs.

    Others' filters need the scope `rules.manage`, and one that a source goes by, `sources.manage`.
    """
    principal = reader.principal

    def write() -> list[UUID]:
        tree = read_filter(asked.text, asked.tree)
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            _require_right(connection, filter_id, principal)
            tenant_id, author = principal.tenant_id, _author(principal)
            if not change_filter(connection, tenant_id, filter_id, asked.name, tree, author):
                return []
            return follow(connection, tenant_id, filter_id, tree, author)

    jobs = await asyncio.to_thread(write)
    shown = json.loads(await reader.one("filter", filter_id)) | {"jobs": [str(job) for job in jobs]}
    return Response(json.dumps(shown), media_type=JSON)


@routes.delete(
    "/filters/{filter_id}", status_code=204, responses=responses(404, 409), dependencies=[WITHOUT_PARAMETERS]
)
async def archive_kept_filter(reader: Reader, filter_id: UUID) -> Response:
    """Put a filter away; its versions stay readable. 409 while a source goes by it."""
    principal = reader.principal

    def put_away() -> None:
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            _require_right(connection, filter_id, principal)
            archive_filter(connection, principal.tenant_id, filter_id, _author(principal))

    await asyncio.to_thread(put_away)
    return Response(status_code=204)


def _author(principal: Principal) -> Author:
    return Author(principal.actor, *principal.created_by)


def _require_right(connection: psycopg.Connection, filter_id: UUID, principal: Principal) -> None:
    """Raise `AccessError` for a filter that is another's, or that decides what sources select, without the scope."""
    row = connection.execute(
        "SELECT coalesce(created_by, service_key_id), EXISTS (SELECT FROM source WHERE source.filter_id = filter.id)"
        " FROM filter WHERE id = %s",
        (filter_id,),
    ).fetchone()
    if row is None:
        raise NotFoundError("There is no such filter")
    if row[0] != principal.id and EVERYONES not in principal.scopes:
        raise AccessError("The filter is somebody else's", remedy="Keep it under another name")
    if row[1] and SOURCES not in principal.scopes:
        raise AccessError("Sources go by this filter", remedy="Keep it under another name")
