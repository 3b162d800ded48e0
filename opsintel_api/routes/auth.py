"""Log-in, refresh, log-out, and who one is."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Cookie, Depends, Header, Request, Response

from opsintel.access import passwords, tokens
from opsintel_api.auth import sessions
from opsintel_api.auth.cookies import COOKIE, clear_cookie, set_cookie
from opsintel_api.auth.principal import Authenticated
from opsintel_api.models.auth import LoginRequest, Me, Membership, Session, SignedOut, Tenant, User
from opsintel_api.problems import RequestProblem, responses
from opsintel_api.routes import WITHOUT_PARAMETERS, open_router, protected_router
from opsintel_api.services import Services, services_of

open_routes = open_router("auth", "/v1")
routes = protected_router("auth")

WRONG = "E-mail address or password is wrong"
REQUESTED_WITH = "opsintel"
_hashing = asyncio.Semaphore(2)
"""Each hash takes 19 MB and a core for a moment: a flood of log-ins waits instead of filling the memory."""


def require_own_page(
    request: Request,
    requested_with: Annotated[
        str | None, Header(alias="X-Requested-With", description="`opsintel`; a form of another site cannot send it")
    ] = None,
) -> None:
    """Refuse requests that another site could have made: the cookie alone is not enough."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if requested_with != REQUESTED_WITH or site not in ("same-origin", "none"):
        raise RequestProblem(403, "The header X-Requested-With: opsintel is needed")


@open_routes.post(
    "/auth/login", response_model=Session, responses=responses(401, 403, 429), dependencies=[WITHOUT_PARAMETERS]
)
async def login(request: Request, response: Response, credentials: LoginRequest) -> Session:
    """Open a session by e-mail address and password."""
    services = services_of(request)
    email = credentials.email.strip().lower()
    account = await _checked_account(request, services, email, credentials.password.get_secret_value())
    memberships = await sessions.memberships(services.database, account.id)
    chosen = [m for m in memberships if credentials.tenant in (None, m.slug)]
    if not chosen:
        raise RequestProblem(403, "This account is not a member of that tenant, or of none at all")
    grant = await sessions.open_session(services.database, account.id, chosen[0].tenant_id)
    return _session(request, response, services, account, memberships, grant)


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
    account = await sessions.account_of(services.database, grant.user_id) if grant else None
    memberships = await sessions.memberships(services.database, account.id) if account else []
    if grant is None or account is None or grant.tenant_id not in {m.tenant_id for m in memberships}:
        ended = RequestProblem(401, "The session has ended; log in again")
        clear_cookie(request, ended)
        raise ended
    return _session(request, response, services, account, memberships, grant)


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


@routes.get("/me", response_model=Me, dependencies=[WITHOUT_PARAMETERS])
async def get_me(request: Request, principal: Authenticated) -> Me:
    """Return the person, tenant, role and scopes of the access token."""
    database = services_of(request).database
    account = await sessions.account_of(database, principal.user_id)
    memberships = await sessions.memberships(database, principal.user_id)
    current = next((m for m in memberships if m.tenant_id == principal.tenant_id), None)
    if account is None or current is None:
        raise RequestProblem(401, "The session has ended", headers={"WWW-Authenticate": "Bearer"})
    return Me(scopes=sorted(principal.scopes), **_people(account, memberships, current))


async def _checked_account(request: Request, services: Services, email: str, password: str) -> sessions.Account:
    address = request.client.host if request.client else ""
    if wait := await services.throttle.begin(email, address):
        raise RequestProblem(429, "Too many failed log-ins; try again later", headers={"Retry-After": str(wait)})
    account = await sessions.find_account(services.database, email)
    stored = account.password_hash if account else None
    async with _hashing:
        correct = await asyncio.to_thread(passwords.verify_password, stored, password)
    if account is None or not correct:
        raise RequestProblem(401, WRONG)
    await services.throttle.succeeded(email, address)
    if passwords.needs_upgrade(account.password_hash):
        async with _hashing:
            stronger = await asyncio.to_thread(passwords.upgraded, password)
        await sessions.replace_hash(services.database, account.id, stronger)
    return account


def _session(
    request: Request,
    response: Response,
    services: Services,
    account: sessions.Account,
    memberships: list[sessions.TenantRole],
    grant: sessions.Grant,
) -> Session:
    set_cookie(request, response, grant)
    current = next(m for m in memberships if m.tenant_id == grant.tenant_id)
    token = tokens.AccessToken(grant.user_id, grant.tenant_id, grant.session_id)
    return Session(
        access_token=tokens.issue(token, services.token_key),
        expires_in=tokens.LIFETIME_SECONDS,
        **_people(account, memberships, current),
    )


def _people(
    account: sessions.Account, memberships: list[sessions.TenantRole], current: sessions.TenantRole
) -> dict[str, Any]:
    return {
        "user": User(id=account.id, email=account.email, name=account.name),
        "tenant": Tenant(id=current.tenant_id, slug=current.slug, name=current.name),
        "tenants": [
            Membership.model_validate({"id": m.tenant_id, "slug": m.slug, "name": m.name, "role": m.role})
            for m in memberships
        ],
        "role": current.role,
    }
