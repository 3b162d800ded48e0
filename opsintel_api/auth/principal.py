"""Who a request comes from, and whether they may use the route: every route depends on `authorize`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from opsintel.access import opaque, operators
from opsintel.access.audit import Actor
from opsintel.access.roles import OPEN, Kind, matrix
from opsintel.access.tokens import InvalidToken, verify
from opsintel.errors import AccessError
from opsintel_api.auth import keys
from opsintel_api.auth.standing import person_of
from opsintel_api.limits import class_of
from opsintel_api.problems import RequestProblem
from opsintel_api.services import Services, services_of

BEARER = HTTPBearer(
    auto_error=False, description="Access token of POST /v1/auth/login, or a service key of POST /v1/service-keys"
)
TEXT, UNMASKED = "messages.read", "messages.read_unmasked"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is behind a request, and what they may do in it."""

    kind: Kind
    id: UUID
    """The account, key or operator."""
    scopes: frozenset[str]
    tenant: UUID | None = None
    """None for operators."""
    session: UUID | None = None
    """None for keys and operators."""
    role: str = ""
    sources: tuple[UUID, ...] | None = None
    """The sources whose messages they see; None for all of the tenant's."""
    personal_data: str = "masked"
    """The tenant's policy: shown, masked (unless one may read it), or revealed (one message at a time)."""
    name: str = ""
    """The operator's name, which the audit log keeps."""

    @property
    def actor(self) -> Actor:
        """Who acts, as the audit log names them."""
        return Actor(self.kind, self.name or str(self.id))

    @property
    def tenant_id(self) -> UUID:
        """The tenant that the request is about; `AccessError` for operators."""
        return _present(self.tenant)

    @property
    def session_id(self) -> UUID:
        """The session of a person; `AccessError` for others."""
        return _present(self.session)

    @property
    def user_id(self) -> UUID:
        """The account of a person; `AccessError` for others."""
        return _present(self.id if self.kind == "person" else None)

    @property
    def created_by(self) -> tuple[UUID | None, UUID | None]:
        """Who made a thing, as tables keep it: the account of a person, the id of a service key."""
        return (self.id, None) if self.kind == "person" else (None, self.id)

    @property
    def is_masked(self) -> bool:
        """Whether personal data in answers is masked for them, by their scopes and the tenant's policy."""
        if TEXT not in self.scopes or self.personal_data == "revealed":
            return True
        return self.personal_data != "shown" and UNMASKED not in self.scopes


async def authorize(request: Request) -> None:
    """Set `request.state.principal`.

    401 without a valid token, 403 when its holder lacks the route's scope, 429 after too many requests of a tenant.
    """
    requirement = matrix().requirement(request.method, request.scope["route"].path)
    if requirement == OPEN:
        return
    principal = await _identified(request)
    if not matrix().admits(principal.kind, principal.scopes, requirement):
        raise RequestProblem(403, "Your role does not allow this")
    if principal.tenant is not None:
        await _count(request, principal.tenant)
    request.state.principal = principal


async def still_holds(request: Request, principal: Principal) -> bool:
    """Tell whether who came with a request would still be let in, as the same and with the same limits."""
    try:
        present = await _identified(request)
    except RequestProblem:
        return False
    requirement = matrix().requirement(request.method, request.scope["route"].path)
    same = (present.id, present.tenant, present.session, present.sources)
    return same == (principal.id, principal.tenant, principal.session, principal.sources) and matrix().admits(
        present.kind, present.scopes, requirement
    )


def principal_of(request: Request) -> Principal:
    """Return the principal that `authorize` found."""
    principal = request.state.principal
    assert isinstance(principal, Principal)
    return principal


async def _authenticated(request: Request) -> Principal:
    # A dependency that is no coroutine is run in a thread: half a millisecond of each request.
    return principal_of(request)


Authenticated = Annotated[Principal, Depends(_authenticated)]


async def _identified(request: Request) -> Principal:
    """Return who the request comes from: the token's prefix tells which kind it is."""
    token, services = _token(request), services_of(request)
    for prefix, identify in _OPAQUE.items():
        if token.startswith(prefix):
            principal = await identify(services, token) if opaque.is_well_formed(token, prefix) else None
            if principal is None:
                raise await _refusal(request, services)
            return principal
    return await _person(services, token)


async def _refusal(request: Request, services: Services) -> RequestProblem:
    """Return why an opaque token is not taken: 401, or 429 once its address has tried too many."""
    if wait := await services.throttle.begin("token", None, request.client.host if request.client else ""):
        return RequestProblem(429, "Too many tries; try again later", headers={"Retry-After": str(wait)})
    return _unauthorized("The access token is not valid")


async def _person(services: Services, encoded: str) -> Principal:
    try:
        token = verify(encoded, services.token_key)
    except InvalidToken as error:
        raise _unauthorized(error.message) from None
    found = await person_of(services.database, token)
    if found.session_is_known and not found.role:  # the session has ended with the membership
        raise RequestProblem(403, "You are no member of this tenant")
    if not (found.session_is_known and found.session_lives):
        raise _unauthorized("The session has ended")
    scopes = matrix().of_member(found.role, found.grants, limited=found.sources is not None)
    return Principal(
        "person",
        token.user_id,
        scopes,
        token.tenant_id,
        token.session_id,
        found.role,
        found.sources,
        found.personal_data,
    )


async def _service_key(services: Services, value: str) -> Principal | None:
    found = await keys.find(services.database, value, matrix())
    if found is None:
        return None
    return Principal(
        "service_key",
        found.key_id,
        found.scopes,
        found.tenant_id,
        sources=found.sources,
        personal_data=found.personal_data,
    )


async def _operator(services: Services, value: str) -> Principal | None:
    found = await operators.find(services.database, value)
    return Principal("operator", found.id, matrix().of_operators, name=found.name) if found else None


_OPAQUE: dict[str, Callable[[Services, str], Awaitable[Principal | None]]] = {
    opaque.SERVICE_KEY: _service_key,
    opaque.OPERATOR: _operator,
}
"""How the holder of an opaque token is found, by the token's prefix; None when it is unknown, ended or revoked."""


async def _count(request: Request, tenant_id: UUID) -> None:
    limits = services_of(request).limits
    route_class = class_of(request.method, request.scope["route"].path)
    request.state.rate_limit_policy = limits.policy(route_class)
    if refusal := await limits.take(tenant_id, route_class):
        raise RequestProblem(429, "Too many requests of this tenant; wait a moment", headers=refusal.headers)


def _token(request: Request) -> str:
    headers = request.headers.getlist("authorization")
    scheme, _, encoded = (headers[0] if len(headers) == 1 else "").partition(" ")
    token = encoded.strip(" ")  # and no other blank, which some bytes of Latin-1 are: RFC 6750 section 2.1
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("An access token is needed")
    return token


def _present(value: UUID | None) -> UUID:
    if value is None:
        raise AccessError("This is for people who are members of a tenant")
    return value


def _unauthorized(detail: str) -> RequestProblem:
    return RequestProblem(401, detail, headers={"WWW-Authenticate": "Bearer"})
