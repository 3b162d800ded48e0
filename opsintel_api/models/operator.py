"""Tenants as the operator sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from opsintel_api.models.auth import PersonName
from opsintel_api.models.common import Answer, PageParameters, Parameters


class Tenancy(Answer):
    """A tenant in figures, and how it is doing."""

    id: UUID
    slug: str
    name: str
    created_at: datetime
    suspended_at: datetime | None
    paused_at: datetime | None
    members: int
    sources: int
    failing_sources: int = Field(description="Sources whose last read failed")
    waiting_work: int = Field(description="Days that wait to be worked through")
    failed_work: int = Field(description="Days that were given up")
    messages: int = Field(description="Messages stored")


class TenancyPage(Answer):
    """A page of tenants, in the order they were made."""

    items: list[Tenancy]
    next_cursor: str | None


class TenancyParameters(PageParameters):
    """A page of tenants."""


class TenancyRequest(Parameters):
    """A tenant to make."""

    slug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Short name; it names nobody")]
    name: PersonName
