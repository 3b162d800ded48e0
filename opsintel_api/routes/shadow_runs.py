"""Shadow runs and promotion: what is new is measured before it is in force."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.learning import promotion
from opsintel_api.models.common import PageParameters
from opsintel_api.models.shadow_runs import (
    PromotionMargin,
    PromotionMarginRequest,
    PromotionRequest,
    ShadowRun,
    ShadowRunPage,
    ShadowRunRequest,
)
from opsintel_api.problems import responses
from opsintel_api.reading import JSON, Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("quality")


@routes.post(
    "/shadow-runs",
    response_model=ShadowRun,
    status_code=202,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def start_shadow_run(reader: Reader, asked: ShadowRunRequest) -> Response:
    """Have a version of the taxonomy, or other models, tried on the gold set: 202 with the run to follow.

    Nothing of it is stored but how right it was. Its calls are paid for, within the ceilings.
    """
    principal = reader.principal
    models = None if asked.chain is None else tuple((one.key_id, one.model) for one in asked.chain)
    candidate = promotion.Candidate(asked.taxonomy_version, models)

    def write() -> UUID:
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            return promotion.ask_for(connection, principal.tenant_id, principal.actor, candidate)

    run_id = await asyncio.to_thread(write)
    location = {"Location": f"/v1/shadow-runs/{run_id}"}
    return Response(await reader.one("shadow_run", run_id), 202, location, media_type=JSON)


@routes.get("/shadow-runs", response_model=ShadowRunPage)
async def list_shadow_runs(reader: Reader, parameters: Annotated[PageParameters, Query()]) -> Response:
    """Return what was tried, latest first, with its figures."""
    return reader.answer(await reader.page("shadow_runs", parameters))


@routes.get(
    "/shadow-runs/{shadow_run_id}",
    response_model=ShadowRun,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def get_shadow_run(reader: Reader, shadow_run_id: UUID) -> Response:
    """Return a run with how it does, field by field, beside what is in force."""
    return reader.answer(await reader.one("shadow_run", shadow_run_id))


@routes.post(
    "/shadow-runs/{shadow_run_id}/promote",
    response_model=ShadowRun,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def promote_shadow_run(reader: Reader, shadow_run_id: UUID, asked: PromotionRequest) -> Response:
    """Put what was tried in force. 409 with the figures where a field loses more than the margin, unless overridden."""
    principal = reader.principal

    def write() -> None:
        with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
            promotion.promote(connection, principal.tenant_id, principal.actor, shadow_run_id, asked.override or "")

    await asyncio.to_thread(write)
    return Response(await reader.one("shadow_run", shadow_run_id), media_type=JSON)


@routes.get("/policies/promotion", response_model=PromotionMargin, dependencies=[WITHOUT_PARAMETERS])
async def get_promotion_policy(reader: Reader) -> PromotionMargin:
    """Return what a version may lose and be promoted all the same."""
    async with reader.transaction() as connection:
        margin = await connection.fetchval(
            "SELECT promotion_margin FROM tenant WHERE id = $1", reader.principal.tenant_id
        )
    return PromotionMargin(margin=margin)


@routes.put("/policies/promotion", response_model=PromotionMargin, dependencies=[WITHOUT_PARAMETERS])
async def set_promotion_policy(reader: Reader, asked: PromotionMarginRequest) -> PromotionMargin:
    """Set what a version may lose and be promoted all the same."""
    database, principal = reader.services.context.database, reader.principal
    await asyncio.to_thread(promotion.set_margin, database, principal.tenant_id, asked.margin, principal.actor)
    return PromotionMargin(margin=asked.margin)
