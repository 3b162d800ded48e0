"""Invitations to join the tenant."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from opsintel.access import invitations
from opsintel.access.members import Rights
from opsintel.mail.letters import letter
from opsintel_api.auth.principal import Authenticated
from opsintel_api.models.members import (
    InvitationPage,
    InvitationParameters,
    InvitationRequest,
    SentInvitation,
)
from opsintel_api.problems import responses
from opsintel_api.reading import Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.routes.members import giver_of
from opsintel_api.services import services_of

routes = protected_router("members")


@routes.get("/invitations", response_model=InvitationPage)
async def list_invitations(reader: Reader, parameters: Annotated[InvitationParameters, Query()]) -> Response:
    """Return invitations that nobody has answered yet, latest first."""
    return reader.answer(await reader.page("invitations", parameters))


@routes.post("/invitations", response_model=SentInvitation, status_code=201, dependencies=[WITHOUT_PARAMETERS])
async def create_invitation(request: Request, principal: Authenticated, wanted: InvitationRequest) -> SentInvitation:
    """Invite an address; the link goes there by mail, works once and for seven days.

    403 for rights above one's own. The answer is the same whether the address has an account or not.
    """
    services = services_of(request)
    limits = wanted.source_ids
    rights = Rights(
        wanted.role,
        tuple(dict.fromkeys(wanted.grants)),
        None if limits is None else tuple(dict.fromkeys(limits)),
    )
    made = await invitations.invite(services.database, principal.tenant_id, wanted.email, rights, giver_of(principal))
    link = services.settings.page("invitation", made.token)
    services.postbox.post(letter("invitation", made.email, link=link, organization=made.tenant_name))
    services.postbox.tell_operator(f"opsintel account link --tenant {made.tenant_slug}", made.id)
    return SentInvitation(id=made.id, delivery="mail" if services.postbox.sends else "operator")


@routes.delete(
    "/invitations/{invitation_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS]
)
async def revoke_invitation(request: Request, principal: Authenticated, invitation_id: UUID) -> Response:
    """Take an open invitation back; its link is dead."""
    database = services_of(request).database
    await invitations.revoke(database, principal.tenant_id, invitation_id, giver_of(principal))
    return Response(status_code=204)
