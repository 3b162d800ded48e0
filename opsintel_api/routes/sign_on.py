"""Single sign-on: to the provider and back. What fails ends on the log-in page, with a code of ours."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from opsintel.access import invitations
from opsintel_api.auth import sign_on
from opsintel_api.auth.cookies import set_cookie
from opsintel_api.auth.proof import address_of, begin_try
from opsintel_api.auth.sign_on import HOME, ProviderAnswer, SignOnFault
from opsintel_api.models.auth import LinkRequest, SignOnAddress, SignOnParameters
from opsintel_api.problems import RequestProblem, responses
from opsintel_api.routes import WITHOUT_PARAMETERS, open_router
from opsintel_api.routes.auth import require_own_page
from opsintel_api.services import services_of

open_routes = open_router("auth", "/v1")

REDIRECT: dict[int | str, dict[str, Any]] = {
    303: {
        "description": "On to the address of `Location`",
        "headers": {"Location": {"schema": {"type": "string"}, "required": True}},
    }
}
Brought = Annotated[str | None, Query(max_length=4096, pattern=r"^[ -~]*$")]


@open_routes.get(
    "/auth/sso/start",
    status_code=303,
    response_class=RedirectResponse,
    responses=REDIRECT | responses(404),
    dependencies=[Depends(sign_on.provider_of)],
)
async def start_sign_on(request: Request, parameters: Annotated[SignOnParameters, Query()]) -> Response:
    """Send the browser to the provider of single sign-on. 404 where none is set."""
    response = RedirectResponse(HOME, 303)
    try:
        await sign_on.count_try(request)
        response.headers["Location"] = await sign_on.begin(request, response, parameters.return_to)
    except SignOnFault as fault:
        return _failed(fault)
    return response


@open_routes.get(
    "/auth/sso/callback",
    status_code=303,
    response_class=RedirectResponse,
    responses=REDIRECT | responses(404),
    dependencies=[Depends(sign_on.provider_of)],
)
async def finish_sign_on(
    request: Request, state: Brought = None, code: Brought = None, iss: Brought = None, error: Brought = None
) -> Response:
    """Take a browser back from the provider: opens a session and leads to the page that was asked for.

    Parameters that are not listed are ignored (RFC 6749 section 3.1).
    """
    try:
        signed_on = await sign_on.finish(request, ProviderAnswer(state or "", code, error, iss))
    except SignOnFault as fault:
        return _failed(fault)
    response = RedirectResponse(signed_on.return_to, 303)
    set_cookie(request, response, signed_on.grant)
    sign_on.forget_browser(request, response)
    return response


@open_routes.post(
    "/auth/sso/invitation",
    response_model=SignOnAddress,
    responses=responses(403, 404, 429),
    dependencies=[Depends(sign_on.provider_of), Depends(require_own_page), WITHOUT_PARAMETERS],
)
async def start_sign_on_by_invitation(request: Request, response: Response, wanted: LinkRequest) -> SignOnAddress:
    """Return the provider's address for who joins by the link of an invitation; its token stays out of addresses."""
    await begin_try(request, "link")
    services = services_of(request)
    link = await invitations.link_of(services.database, wanted.token.get_secret_value())
    await services.throttle.succeeded("link", None, address_of(request))
    try:
        return SignOnAddress(location=await sign_on.begin(request, response, HOME, link))
    except SignOnFault:
        raise RequestProblem(503, "The provider of single sign-on does not answer; try again later") from None


def _failed(fault: SignOnFault) -> Response:
    return RedirectResponse(f"/login/?error={fault.code}", 303)
