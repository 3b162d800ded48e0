"""Log-in, sessions and the person behind a token."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr

from opsintel_api.models.common import Answer, Parameters

Role = Literal["owner", "admin", "analyst", "viewer"]

Email = Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^\x00-\x20\x7f]+@[^\x00-\x20\x7f@]+$")]
GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
NewPassword = Annotated[SecretStr, Field(min_length=12, max_length=1024, description="At least 12 characters")]
PersonName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
LinkToken = Annotated[SecretStr, Field(min_length=1, max_length=200, description="What follows #token= in the link")]

OF_OURS = r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$"
"""A path of this installation: no scheme, no host, none of the characters that browsers drop or turn around."""


class LoginRequest(Parameters):
    """E-mail address, password and, for members of several tenants, the tenant's short name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"email": "ana@example.com", "password": "correct horse battery staple"}]},
    )

    email: Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^\x00]+$")]
    password: GivenPassword
    tenant: Annotated[str | None, Field(max_length=63, description="Short name; default: the oldest membership")] = None


class User(Answer):
    """A person."""

    id: UUID
    email: str
    name: str


class Tenant(Answer):
    """A tenant."""

    id: UUID
    slug: str
    name: str


class Membership(Tenant):
    """A tenant and the person's role in it."""

    role: Role


class Session(Answer):
    """A session: the access token goes into `Authorization: Bearer`, the refresh token into a cookie."""

    authenticated: Literal[True] = True
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the scheme's name
    expires_in: int = Field(description="Seconds")
    user: User
    tenant: Tenant
    tenants: list[Membership]
    role: Role


class SignedOut(Answer):
    """No session: the browser holds no refresh token."""

    authenticated: Literal[False] = False


class Me(Answer):
    """Who the access token belongs to, and what it may do."""

    user: User
    tenant: Tenant
    tenants: list[Membership]
    role: Role
    scopes: list[str]


class SwitchRequest(Parameters):
    """The tenant to go on in."""

    tenant: Annotated[str, Field(min_length=1, max_length=63, description="Short name")]


class PasswordChange(Parameters):
    """The present password, and the one to come."""

    current: GivenPassword
    new: NewPassword


class SignOnOffer(Answer):
    """Single sign-on: a page of ours leads to the provider by GET /v1/auth/sso/start."""

    label: str = Field(description="What the provider is called on a button")


class EntryOptions(Answer):
    """Which ways in there are for somebody who has no session."""

    registration: bool = Field(description="Whether a stranger may register an organisation")
    passwords: bool = Field(description="Whether one may log in with a password")
    single_sign_on: SignOnOffer | None = Field(description="Null where the operator has set none")


class SignOnParameters(Parameters):
    """Where single sign-on leads in the end."""

    return_to: str = Field("/", max_length=1000, pattern=OF_OURS, description="Page to go on to")


class SignOnAddress(Answer):
    """Where a browser goes on to."""

    location: str = Field(description="Address at the provider")


class RegisterRequest(Parameters):
    """Who asks for an account and a tenant of their own."""

    email: Email
    name: PersonName
    password: NewPassword
    organization: PersonName


class ResetRequest(Parameters):
    """Whose password is to be set anew."""

    email: Email


class LinkRequest(Parameters):
    """A link that was sent to a person."""

    token: LinkToken


class ResetConfirmation(LinkRequest):
    """The link, and the password to come."""

    password: NewPassword


class AcceptRequest(LinkRequest):
    """The link, and name and password of the account: the one it has, where the address has an account already."""

    name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    password: GivenPassword


class Accepted(Answer):
    """It is seen to; whatever follows comes by mail."""

    accepted: Literal[True] = True


class OpenInvitation(Answer):
    """What a link invites to."""

    email: str
    tenant_name: str
    role: Role
    has_account: bool = Field(description="Whether the address has an account, whose password is asked for")
