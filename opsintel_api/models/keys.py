"""Service keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel_api.models.common import Answer, Parameters

MAXIMUM_DAYS = 366
DEFAULT_DAYS = 90
MAXIMUM_OVERLAP_HOURS = 7 * 24
DEFAULT_OVERLAP_HOURS = 24
MAXIMUM_SOURCES = 100

KeyState = Literal["active", "expired", "revoked"]
Days = Annotated[int, Field(ge=1, le=MAXIMUM_DAYS, description="Days after which it ends by itself")]

REQUEST_EXAMPLE: dict[str, Any] = {"name": "Weekly report", "scopes": ["insights.read"], "expires_in_days": 90}
KEY_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000008",
    "name": "Weekly report",
    "prefix": "ops_3fK9aQ2c",
    "scopes": ["insights.read"],
    "source_ids": None,
    "state": "active",
    "created_by": "01993c5e-7c00-7000-8000-000000000002",
    "created_at": "2026-11-22T09:00:00Z",
    "rotated_at": None,
    "previous_until": None,
    "expires_at": "2027-02-20T09:00:00Z",
    "last_used_at": None,
}


class ServiceKeyRequest(Parameters):
    """A key to be made: what it is for and what it may do, which is at most what its maker may."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    scopes: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=50)]
    source_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAXIMUM_SOURCES)] | None = Field(
        None, description="Sources whose messages it sees; default: all"
    )
    expires_in_days: Days = DEFAULT_DAYS


class RotationRequest(Parameters):
    """How a key is rotated."""

    overlap_hours: Annotated[int, Field(ge=0, le=MAXIMUM_OVERLAP_HOURS)] = Field(
        DEFAULT_OVERLAP_HOURS, description="Hours for which the value before is taken as well; 0 ends it at once"
    )
    expires_in_days: Days = DEFAULT_DAYS


class ServiceKey(Answer):
    """A service key; its value is never shown again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [KEY_EXAMPLE]})

    id: UUID
    name: str
    prefix: str = Field(description="First characters of the value")
    scopes: list[str]
    source_ids: list[UUID] | None = Field(description="Sources whose messages it sees; null: all")
    state: KeyState
    created_by: UUID | None = Field(description="Who made it or rotated it last; the key ends with their membership")
    created_at: datetime
    rotated_at: datetime | None
    previous_until: datetime | None = Field(description="Until when the value before is taken as well")
    expires_at: datetime
    last_used_at: datetime | None


class ServiceKeyList(Answer):
    """Service keys, latest first."""

    items: list[ServiceKey]


class NewServiceKey(Answer):
    """A key with its value, this once."""

    key: ServiceKey
    value: str = Field(description="Goes into `Authorization: Bearer`; keep it, it is not shown again")
