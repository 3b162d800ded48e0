"""Members of the tenant and their rights."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from opsintel.access import members
from opsintel_api.auth.principal import Authenticated, Principal
from opsintel_api.models.members import MemberChange, MemberParameters, TenantMemberPage
from opsintel_api.problems import responses
from opsintel_api.reading import Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.services import services_of

routes = protected_router("members")


def giver_of(principal: Principal) -> members.Giver:
    """Return a principal as who gives rights."""
    return members.Giver(principal.actor, principal.scopes)


@routes.get("/members", response_model=TenantMemberPage)
async def list_tenant_members(reader: Reader, parameters: Annotated[MemberParameters, Query()]) -> Response:
    """Return the members of the tenant, in the order they joined."""
    return reader.answer(await reader.system_page("tenant_members", parameters))


@routes.patch("/members/{user_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS])
async def change_member(request: Request, principal: Authenticated, user_id: UUID, wanted: MemberChange) -> Response:
    """Change a member's role, grants or sources, from the next request on.

    403 for what is above one's own rights; 422 for the last owner.
    """
    limits = wanted.source_ids
    change = members.Change(
        wanted.role,
        None if wanted.grants is None else tuple(dict.fromkeys(wanted.grants)),
        None if limits is None else tuple(dict.fromkeys(limits)),
        all_sources=limits is None and "source_ids" in wanted.model_fields_set,
    )
    await members.change(services_of(request).database, principal.tenant_id, user_id, giver_of(principal), change)
    return Response(status_code=204)


@routes.delete("/members/{user_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS])
async def remove_member(request: Request, principal: Authenticated, user_id: UUID) -> Response:
    """Remove a member, or leave: refused from the next request on. 422 for the last owner."""
    await members.remove(services_of(request).database, principal.tenant_id, user_id, giver_of(principal))
    return Response(status_code=204)
