"""Routes: parse, call, return. Each has its scope in opsintel/access/scopes.toml."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Security
from fastapi.routing import APIRoute

from opsintel_api.auth.principal import BEARER, authorize
from opsintel_api.problems import responses, unprocessable
from opsintel_api.routes.masked import MaskedRoute
from opsintel_api.strict import StrictRoute, readable_query


async def without_parameters(request: Request) -> None:
    """Refuse query parameters on a route that has none."""
    for name in request.query_params:
        raise unprocessable(name, "There is no such parameter")


def operation_id(route: APIRoute) -> str:
    """Return the name of a route in the OpenAPI document."""
    return route.name


def protected_router(tag: str) -> APIRouter:
    """Return a router for routes that need an access token."""
    return APIRouter(
        prefix="/v1",
        tags=[tag],
        dependencies=[Depends(authorize), Depends(readable_query), Security(BEARER)],
        responses=responses(401, 403, 422, 429, 503),
        route_class=MaskedRoute,
        generate_unique_id_function=operation_id,
    )


def open_router(tag: str, prefix: str = "") -> APIRouter:
    """Return a router for routes that need none."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        dependencies=[Depends(authorize), Depends(readable_query)],
        responses=responses(422, 503),
        route_class=StrictRoute,
        generate_unique_id_function=operation_id,
    )


WITHOUT_PARAMETERS = Depends(without_parameters)
