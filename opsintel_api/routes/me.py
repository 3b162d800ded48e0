"""The person behind the access token."""

from __future__ import annotations

from fastapi import Request, Response

from opsintel.access import own_password
from opsintel.mail.letters import letter
from opsintel_api.auth import sessions
from opsintel_api.auth.answers import people, session_of
from opsintel_api.auth.principal import Authenticated
from opsintel_api.auth.proof import PASSWORDS, checked_account, hashed
from opsintel_api.models.auth import Me, PasswordChange, Session
from opsintel_api.problems import RequestProblem, unprocessable
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.services import services_of

routes = protected_router("auth")

NOT_THE_PRESENT_ONE = "This is not the present password"


@routes.get("/me", response_model=Me, dependencies=[WITHOUT_PARAMETERS])
async def get_me(request: Request, principal: Authenticated) -> Me:
    """Return the person, tenant, role and scopes of the access token."""
    database = services_of(request).database
    account = await sessions.account_of(database, principal.user_id)
    memberships = await sessions.memberships(database, principal.user_id)
    current = next((m for m in memberships if m.tenant_id == principal.tenant_id), None)
    if account is None or current is None:
        raise RequestProblem(401, "The session has ended", headers={"WWW-Authenticate": "Bearer"})
    return Me(scopes=sorted(principal.scopes), **people(account, memberships, current))


@routes.put("/me/password", response_model=Session, dependencies=[WITHOUT_PARAMETERS, PASSWORDS])
async def change_password(
    request: Request, response: Response, principal: Authenticated, change: PasswordChange
) -> Session:
    """Change one's password; every session ends, and this browser goes on in a new one."""
    services = services_of(request)
    account = await sessions.account_of(services.database, principal.user_id)
    assert account is not None
    try:
        proved = (await checked_account(request, account.email, change.current.get_secret_value())).password_hash
    except RequestProblem as error:
        if error.status_code != 401:
            raise
        raise unprocessable("current", NOT_THE_PRESENT_ONE) from None
    stored = await hashed(services, change.new.get_secret_value(), "new")
    if not await own_password.change(services.database, account.id, stored, proved=proved):
        raise unprocessable("current", NOT_THE_PRESENT_ONE)
    services.postbox.post(letter("password_changed", account.email, link=services.settings.page("reset")))
    grant = await sessions.open_session(services.database, account.id, principal.tenant_id, "password", proved=stored)
    if grant is None:
        raise RequestProblem(401, "The session has ended; log in again")
    return await session_of(request, response, grant)
