"""Who a request comes from, and whether that role may use the route: every route depends on `authorize`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from opsintel.access.roles import OPEN, matrix
from opsintel.access.tokens import AccessToken, InvalidToken, verify
from opsintel_api.auth.sessions import role_in_session
from opsintel_api.limits import class_of
from opsintel_api.problems import RequestProblem
from opsintel_api.services import services_of

BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", description="Access token of POST /v1/auth/login")
UNMASKED = "messages.read"


@dataclass(frozen=True, slots=True)
class Principal:
    """The person, tenant and role behind a request."""

    user_id: UUID
    tenant_id: UUID
    session_id: UUID
    role: str

    @property
    def scopes(self) -> list[str]:
        """Return the scopes of the role in alphabetical order."""
        return sorted(matrix().scopes.get(self.role, ()))

    @property
    def reads_text(self) -> bool:
        """Whether message text is shown as it is; otherwise personal data in it is masked."""
        return UNMASKED in matrix().scopes.get(self.role, ())


async def authorize(request: Request) -> None:
    """Set `request.state.principal`.

    401 without a valid session, 403 when the role lacks the route's scope, 429 after too many requests of its tenant.
    """
    requirement = matrix().requirement(request.method, request.scope["route"].path)
    if requirement == OPEN:
        return
    token = _token(request)
    services = services_of(request)
    alive, role = await role_in_session(services.database, token.user_id, token.tenant_id, token.session_id)
    if not alive:
        raise _unauthorized("The session has ended")
    if not matrix().allows(role, requirement):
        raise RequestProblem(403, "Your role does not allow this")
    await _count(request, token.tenant_id)
    request.state.principal = Principal(token.user_id, token.tenant_id, token.session_id, role)


def principal_of(request: Request) -> Principal:
    """Return the principal that `authorize` found."""
    principal = request.state.principal
    assert isinstance(principal, Principal)
    return principal


Authenticated = Annotated[Principal, Depends(principal_of)]


async def _count(request: Request, tenant_id: UUID) -> None:
    limits = services_of(request).limits
    route_class = class_of(request.method, request.scope["route"].path)
    request.state.rate_limit_policy = limits.policy(route_class)
    if refusal := await limits.take(tenant_id, route_class):
        raise RequestProblem(429, "Too many requests of this tenant; wait a moment", headers=refusal.headers)


def _token(request: Request) -> AccessToken:
    headers = request.headers.getlist("authorization")
    scheme, _, encoded = (headers[0] if len(headers) == 1 else "").partition(" ")
    if scheme.lower() != "bearer" or not encoded:
        raise _unauthorized("An access token is needed")
    try:
        return verify(encoded.strip(), services_of(request).token_key)
    except InvalidToken as error:
        raise _unauthorized(error.message) from None


def _unauthorized(detail: str) -> RequestProblem:
    return RequestProblem(401, detail, headers={"WWW-Authenticate": "Bearer"})
