"""The audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel_api.models.common import Answer, Day, NextCursor, PageParameters

ENTRY_EXAMPLE: dict[str, Any] = {
    "seq": 17,
    "at": "2026-11-23T09:00:00Z",
    "actor": {
        "kind": "person",
        "id": "4b1f2f0e-5f0c-4f0e-9a51-0f4f5d0b8f11",
        "name": None,
        "account": "01993c5e-7c00-7000-8000-000000000002",
    },
    "action": "service_key.created",
    "subject": {"kind": "service_key", "id": "01993c5e-7c00-7000-8000-000000000008", "name": None, "account": None},
    "details": {"scopes": ["insights.read"]},
}

AuditId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class AuditParameters(PageParameters):
    """Which entries."""

    action: Annotated[str, Field(max_length=100, pattern=r"^[a-z][a-z_.]*$")] | None = Field(
        None, description="An action, e.g. `member.removed`, or what comes before its dot"
    )
    actor: AuditId | None = Field(None, description="Who acted: an id of the log, or of an account")
    subject: AuditId | None = Field(None, description="What was acted on: an id of the log, or of an account")
    from_: Day | None = Field(None, alias="from", description="First UTC day")
    to: Day | None = Field(None, description="Last UTC day")


class Party(Answer):
    """Who acted, or what was acted on."""

    kind: str
    id: UUID | None = Field(description="Its id as the log has it: opaque for people")
    name: str | None = Field(description="What it is called where it has no id, e.g. a policy")
    account: UUID | None = Field(description="The account behind a person's opaque id; null once it was erased")


class AuditEntry(Answer):
    """One act, as it was recorded in the transaction that did it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ENTRY_EXAMPLE]})

    seq: int = Field(description="Its place in the tenant's chain, from 1 on without a gap")
    at: datetime
    actor: Party
    action: str
    subject: Party
    details: dict[str, Any] = Field(description="Ids and figures; no personal data")


class AuditPage(Answer):
    """A page of the audit log, latest first."""

    items: list[AuditEntry]
    next_cursor: NextCursor
