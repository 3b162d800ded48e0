"""Log-in, refresh, log-out here and everywhere, and the switch to another tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import Cookie, Depends, Header, Request, Response

from opsintel.access import own_password
from opsintel_api.auth import sessions
from opsintel_api.auth.answers import session_of
from opsintel_api.auth.cookies import COOKIE, clear_cookie
from opsintel_api.auth.principal import Authenticated
from opsintel_api.auth.proof import PASSWORDS, WRONG, checked_account
from opsintel_api.models.auth import LoginRequest, Session, SignedOut, SwitchRequest
from opsintel_api.problems import RequestProblem, responses
from opsintel_api.routes import WITHOUT_PARAMETERS, open_router, protected_router
from opsintel_api.services import services_of

open_routes = open_router("auth", "/v1")
routes = protected_router("auth")

REQUESTED_WITH = "opsintel"
NO_MEMBER = "This account is not a member of that tenant, or of none at all"


async def require_own_page(
    requested_with: Annotated[
        str | None, Header(alias="X-Requested-With", description="`opsintel`; a form of another site cannot send it")
    ] = None,
) -> None:
    """Refuse what a form of another site could have sent: the cookie alone is not enough, in old browsers either."""
    if requested_with != REQUESTED_WITH:
        raise RequestProblem(403, "The header X-Requested-With: opsintel is needed")


@open_routes.post(
    "/auth/login",
    response_model=Session,
    responses=responses(401, 403, 429),
    dependencies=[WITHOUT_PARAMETERS, PASSWORDS],
)
async def login(request: Request, response: Response, credentials: LoginRequest) -> Session:
    """Open a session by e-mail address and password."""
    database = services_of(request).database
    email = credentials.email.strip().lower()
    account = await checked_account(request, email, credentials.password.get_secret_value())
    memberships = await sessions.memberships(database, account.id)
    chosen = [m for m in memberships if credentials.tenant in (None, m.slug)]
    if not chosen:
        raise RequestProblem(403, NO_MEMBER)
    grant = await sessions.open_session(
        database, account.id, chosen[0].tenant_id, "password", proved=account.password_hash
    )
    if grant is None:
        raise RequestProblem(401, WRONG)
    return await session_of(request, response, grant)


@open_routes.post(
    "/auth/refresh",
    response_model=Session | SignedOut,
    responses=responses(401, 403),
    dependencies=[WITHOUT_PARAMETERS, Depends(require_own_page)],
)
async def refresh(
    request: Request, response: Response, token: Annotated[str | None, Cookie(alias=COOKIE, max_length=200)] = None
) -> Session | SignedOut:
    """Go on with the session of the cookie; its token is replaced. Without a cookie: `authenticated` is false."""
    if not token:
        return SignedOut()
    services = services_of(request)
    grant = await sessions.refresh(services.database, token, services.key_for("refresh"))
    try:
        if grant is None:
            raise RequestProblem(401, "The session has ended; log in again")
        return await session_of(request, response, grant)
    except RequestProblem as ended:
        clear_cookie(request, ended)
        raise


@open_routes.post(
    "/auth/logout",
    status_code=204,
    responses=responses(403),
    dependencies=[WITHOUT_PARAMETERS, Depends(require_own_page)],
)
async def logout(
    request: Request, token: Annotated[str | None, Cookie(alias=COOKIE, max_length=200)] = None
) -> Response:
    """End the session of the cookie, with all its tokens."""
    if token:
        await sessions.close_session(services_of(request).database, token)
    response = Response(status_code=204)
    clear_cookie(request, response)
    return response


@routes.post("/auth/logout-everywhere", status_code=204, dependencies=[WITHOUT_PARAMETERS])
async def logout_everywhere(request: Request, principal: Authenticated) -> Response:
    """End every session of the person, on every device and in every tenant."""
    await own_password.log_out_everywhere(services_of(request).database, principal.user_id)
    response = Response(status_code=204)
    clear_cookie(request, response)
    return response


@routes.post("/auth/switch", response_model=Session, dependencies=[WITHOUT_PARAMETERS])
async def switch_tenant(
    request: Request, response: Response, principal: Authenticated, wanted: SwitchRequest
) -> Session:
    """Go on in another tenant that the person is a member of; the session in the present one ends."""
    database = services_of(request).database
    memberships = await sessions.memberships(database, principal.user_id)
    chosen = next((m for m in memberships if m.slug == wanted.tenant), None)
    if chosen is None:
        raise RequestProblem(403, NO_MEMBER)
    grant = await sessions.move_session(database, principal.user_id, principal.session_id, chosen.tenant_id)
    if grant is None:
        raise RequestProblem(401, "The session has ended; log in again")
    return await session_of(request, response, grant)
