"""Sources that a person lets us into at their provider: to it and back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from opsintel_api.auth import source_consent
from opsintel_api.auth.source_consent import Answer, ConsentFault
from opsintel_api.models.source_control import ProviderAddress
from opsintel_api.problems import responses
from opsintel_api.reading import Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, open_router, protected_router
from opsintel_api.routes.sign_on import REDIRECT, Brought

routes = protected_router("sources")
open_routes = open_router("sources", "/v1")

PAGE = "/sources/"
AppName = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")]


@routes.post(
    "/sources/{source_id}/authorization",
    response_model=ProviderAddress,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def authorize_source(request: Request, response: Response, reader: Reader, source_id: UUID) -> ProviderAddress:
    """Return the address where a person lets us into the source, for the first time or again; for people, not keys.

    409 where the operator has no app with the provider.
    """
    return ProviderAddress(location=await source_consent.begin(request, response, reader.principal, source_id))


@open_routes.get(
    "/sources/oauth/{app}/callback",
    status_code=303,
    response_class=RedirectResponse,
    responses=REDIRECT,
)
async def finish_authorization(
    request: Request,
    app: AppName,
    state: Brought = None,
    code: Brought = None,
    iss: Brought = None,
    error: Brought = None,
) -> Response:
    """Take a browser back from a source's provider; leads to the page of sources, with the source or what went wrong.

    Parameters that are not listed are ignored (RFC 6749 section 4.1.2).
    """
    try:
        source_id = await source_consent.finish(request, app, Answer(state or "", code, error, iss))
    except ConsentFault as fault:
        return RedirectResponse(f"{PAGE}?error={fault.code}", 303)
    response = RedirectResponse(f"{PAGE}?authorised={source_id}", 303)
    source_consent.forget_browser(request, response)
    return response
