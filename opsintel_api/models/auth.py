"""Log-in, sessions and the person behind a token."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr

from opsintel_api.models.common import Answer, Parameters

Role = Literal["owner", "admin", "analyst", "viewer"]


class LoginRequest(Parameters):
    """E-mail address, password and, for members of several tenants, the tenant's short name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"email": "ana@example.com", "password": "correct horse battery staple"}]},
    )

    email: Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^\x00]+$")]
    password: Annotated[SecretStr, Field(min_length=1, max_length=1024)]
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
