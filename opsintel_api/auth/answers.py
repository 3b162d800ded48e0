"""The answer that opens or goes on with a session: an access token for scripts, a refresh token for the cookie."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from opsintel.access import tokens
from opsintel_api.auth.cookies import set_cookie
from opsintel_api.auth.sessions import Account, Grant, TenantRole, account_of, memberships
from opsintel_api.models.auth import Membership, Session, Tenant, User
from opsintel_api.problems import RequestProblem
from opsintel_api.services import services_of


async def session_of(request: Request, response: Response, grant: Grant) -> Session:
    """Return the session of a grant and give the browser its cookie; 401 when account or membership are gone."""
    services = services_of(request)
    account = await account_of(services.database, grant.user_id)
    joined = await memberships(services.database, grant.user_id) if account else []
    current = next((m for m in joined if m.tenant_id == grant.tenant_id), None)
    if account is None or current is None:
        raise RequestProblem(401, "The session has ended; log in again")
    set_cookie(request, response, grant)
    token = tokens.AccessToken(grant.user_id, grant.tenant_id, grant.session_id)
    return Session(
        access_token=tokens.issue(token, services.token_key),
        expires_in=tokens.LIFETIME_SECONDS,
        **people(account, joined, current),
    )


def people(account: Account, joined: list[TenantRole], current: TenantRole) -> dict[str, Any]:
    """Return the fields that say who somebody is, and where."""
    return {
        "user": User(id=account.id, email=account.email, name=account.name),
        "tenant": Tenant(id=current.tenant_id, slug=current.slug, name=current.name),
        "tenants": [
            Membership.model_validate({"id": m.tenant_id, "slug": m.slug, "name": m.name, "role": m.role})
            for m in joined
        ],
        "role": current.role,
    }
