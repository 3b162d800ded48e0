"""Taxonomies: read, proposed and put in force, version by version."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.learning.promotion import put_taxonomy_in_force
from opsintel.taxonomy.kept import propose
from opsintel.taxonomy.shipped import shipped, shipped_as, unchosen
from opsintel.taxonomy.taxonomy import categories_of, documents_of
from opsintel_api.models.common import PageParameters
from opsintel_api.models.taxonomies import ShippedTaxonomies, Taxonomy, TaxonomyPage, TaxonomyRequest
from opsintel_api.problems import responses
from opsintel_api.reading import JSON, Reader, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("taxonomy")


@routes.get("/taxonomy", response_model=Taxonomy, dependencies=[WITHOUT_PARAMETERS])
async def get_taxonomy(reader: Reader) -> Response:
    """Return the categories that analyses choose from now; those of the product for a tenant that chose none."""
    async with reader.transaction() as connection:
        body = await connection.fetchval(statement("taxonomy"), None)
    return reader.answer(_unchosen() if body is None else str(body))


@routes.get("/taxonomy-defaults", response_model=ShippedTaxonomies, dependencies=[WITHOUT_PARAMETERS])
async def list_shipped_taxonomies(reader: Reader) -> Response:
    """Return the taxonomies that ship with the product: choose one, or adapt it."""
    items = [
        {"key": one.key, "name": one.name, "description": one.description, "categories": documents_of(one.categories)}
        for one in shipped()
    ]
    return reader.answer(json.dumps({"items": items}))


@routes.get("/taxonomies", response_model=TaxonomyPage)
async def list_taxonomies(reader: Reader, parameters: Annotated[PageParameters, Query()]) -> Response:
    """Return the versions of the tenant's taxonomy, the newest first."""
    return reader.answer(await reader.page("taxonomies", parameters))


@routes.post("/taxonomies", response_model=Taxonomy, status_code=201, dependencies=[WITHOUT_PARAMETERS])
async def propose_taxonomy(reader: Reader, asked: TaxonomyRequest) -> Response:
    """Keep a version of the taxonomy; analyses go by it once it is promoted.

    One that says the very same as an earlier version is that version.
    """
    principal = reader.principal

    def keep() -> UUID:
        if asked.base is not None:
            base = shipped_as(asked.base)
            name, categories = asked.name or base.name, base.categories
        else:
            name, categories = asked.name or "", categories_of([each.model_dump() for each in asked.categories or []])
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            kept = propose(connection, principal.tenant_id, name, categories, principal.actor, asked.base or "")
        return kept[0]

    taxonomy_id = await asyncio.to_thread(keep)
    location = {"Location": f"/v1/taxonomies/{taxonomy_id}"}
    return Response(await reader.one("taxonomy", taxonomy_id), 201, location, media_type=JSON)


@routes.get(
    "/taxonomies/{taxonomy_id}", response_model=Taxonomy, responses=responses(404), dependencies=[WITHOUT_PARAMETERS]
)
async def get_taxonomy_version(reader: Reader, taxonomy_id: UUID) -> Response:
    """Return a version of the taxonomy; old ones stay readable."""
    return reader.answer(await reader.one("taxonomy", taxonomy_id))


@routes.post(
    "/taxonomies/{taxonomy_id}/promote",
    response_model=Taxonomy,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def promote_taxonomy(reader: Reader, taxonomy_id: UUID) -> Response:
    """Put a version in force: what is analysed from now on goes by it. Nothing is analysed anew, since that costs.

    409 where the tenant has a gold set and no shadow run of the version stayed within the margin; one that was in force
    before goes back in force as it is.
    """
    principal = reader.principal

    def put_in_force() -> None:
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            put_taxonomy_in_force(connection, principal.tenant_id, taxonomy_id, principal.actor)

    await asyncio.to_thread(put_in_force)
    return Response(await reader.one("taxonomy", taxonomy_id), media_type=JSON)


def _unchosen() -> str:
    taxonomy = unchosen()
    return json.dumps(
        {
            "id": None, "version": taxonomy.version, "name": taxonomy.name, "base": "", "in_force": True,
            "created_at": None, "promoted_at": None, "author": None, "categories": documents_of(taxonomy.categories),
        }
    )  # fmt: skip
