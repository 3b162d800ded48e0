"""Members of a tenant, and invitations to join it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from opsintel_api.masking import Shown
from opsintel_api.models.auth import Email, Role
from opsintel_api.models.common import Answer, NextCursor, PageParameters, Parameters

MOST_SOURCES = 1000

Grants = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=20)]
SourceIds = Annotated[list[UUID], Field(max_length=MOST_SOURCES)]


class TenantMember(Answer):
    """A person who belongs to the tenant."""

    user_id: UUID
    # An account of a colleague is no personal data of a message: whoever manages members has to know whom.
    email: Shown
    name: Shown
    role: Role
    grants: list[str] = Field(description="Scopes given beyond those of the role")
    source_ids: list[UUID] | None = Field(description="Sources whose messages the person sees; null: all")
    joined_at: datetime


class TenantMemberPage(Answer):
    """A page of members, in the order they joined."""

    items: list[TenantMember]
    next_cursor: NextCursor


class MemberChange(Parameters):
    """What changes; fields that are left out stay as they are."""

    role: Role | None = None
    grants: Grants | None = Field(None, description="Scopes beyond those of the role, all of them")
    source_ids: SourceIds | None = Field(None, description="Sources the person is limited to; null: all")


class MemberParameters(PageParameters):
    """A page of members."""


class InvitationRequest(Parameters):
    """Whom to ask, and to what."""

    email: Email
    role: Role
    grants: Grants = Field(default_factory=list, description="Scopes beyond those of the role")
    source_ids: SourceIds | None = Field(None, description="Sources the person will be limited to; null: all")


class Invitation(Answer):
    """Somebody who was asked to join and has not answered yet."""

    id: UUID
    email: Shown
    role: Role
    grants: list[str]
    source_ids: list[UUID] | None
    invited_by: UUID | None = Field(description="Who asked; null for the operator")
    created_at: datetime
    expires_at: datetime


class SentInvitation(Answer):
    """An invitation that was made. Its link is shown to nobody but who reads the mail."""

    id: UUID
    delivery: Literal["mail", "operator"] = Field(
        description="`operator`: no mail server is set, so `opsintel account link` prints the link"
    )


class InvitationParameters(PageParameters):
    """A page of invitations."""


class InvitationPage(Answer):
    """A page of open invitations, latest first."""

    items: list[Invitation]
    next_cursor: NextCursor
