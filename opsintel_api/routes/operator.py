"""The operator's routes: tenants, in figures. An operator token opens these and no others."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from opsintel.access import tenancies
from opsintel_api.auth.principal import Authenticated
from opsintel_api.cursors import decode_cursor, encode_cursor
from opsintel_api.models.operator import Tenancy, TenancyPage, TenancyParameters, TenancyRequest
from opsintel_api.problems import responses
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.services import services_of

routes = protected_router("operator")

CURSOR = "operator tenants"


@routes.get("/operator/tenants", response_model=TenancyPage)
async def list_tenants(request: Request, parameters: Annotated[TenancyParameters, Query()]) -> TenancyPage:
    """Return all tenants in the order they were made, with counts and health."""
    services = services_of(request)
    key, after = services.key_for("cursor"), None
    if parameters.cursor is not None:
        moment, last = decode_cursor(parameters.cursor, CURSOR, key)
        after = datetime.fromisoformat(moment), UUID(last)
    found = await tenancies.page(services.database, after, parameters.limit + 1)
    shown = found[: parameters.limit]
    more = len(found) > len(shown)
    return TenancyPage(
        items=[_answer(tenancy) for tenancy in shown],
        next_cursor=encode_cursor([shown[-1].created_at.isoformat(), str(shown[-1].id)], CURSOR, key) if more else None,
    )


@routes.post("/operator/tenants", response_model=Tenancy, status_code=201, dependencies=[WITHOUT_PARAMETERS])
async def create_tenant(request: Request, principal: Authenticated, wanted: TenancyRequest) -> Tenancy:
    """Make a tenant; its first owner joins by `opsintel account invite`."""
    database = services_of(request).database
    made = await tenancies.create(database, wanted.slug, wanted.name, principal.actor)
    return _answer(await tenancies.one(database, made))


@routes.post(
    "/operator/tenants/{tenant_id}/suspend",
    response_model=Tenancy,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def suspend_tenant(request: Request, principal: Authenticated, tenant_id: UUID) -> Tenancy:
    """Close a tenant: its sessions end, nobody gets in, its work and polls wait."""
    database = services_of(request).database
    await tenancies.suspend(database, tenant_id, principal.actor)
    return _answer(await tenancies.one(database, tenant_id))


@routes.post(
    "/operator/tenants/{tenant_id}/activate",
    response_model=Tenancy,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def activate_tenant(request: Request, principal: Authenticated, tenant_id: UUID) -> Tenancy:
    """Open a suspended tenant again: its people log in anew, and its work goes on."""
    database = services_of(request).database
    await tenancies.activate(database, tenant_id, principal.actor)
    return _answer(await tenancies.one(database, tenant_id))


def _answer(tenancy: tenancies.Tenancy) -> Tenancy:
    return Tenancy(**asdict(tenancy))
