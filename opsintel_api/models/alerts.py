"""Alerts: what rests until somebody sees to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel.alerts.kinds import AlertKind, SubjectKind
from opsintel_api.models.common import Answer, NextCursor, PageParameters
from opsintel_api.models.erasures import AskedBy

AlertState = Literal["open", "resolved"]

ALERT_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000021",
    "kind": "source.unhealthy",
    "subject": {"kind": "source", "id": "01993c5e-7c00-7000-8000-000000000003", "name": "Support mailbox"},
    "source_id": "01993c5e-7c00-7000-8000-000000000003",
    "line": "It cannot be read, and is tried again: the page Sources says why, and what to do",
    "state": "open",
    "opened_at": "2026-11-23T09:00:00Z",
    "resolved_at": None,
    "acknowledged_at": None,
    "acknowledged_by": None,
}


class AlertSubject(Answer):
    """What an alert is about."""

    kind: SubjectKind
    id: UUID
    name: str | None = Field(description="Null for the ceiling of a month or backfill, and for what is gone")


class Alert(Answer):
    """What rests, or rested, until somebody sees to it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ALERT_EXAMPLE]})

    id: UUID
    kind: AlertKind
    subject: AlertSubject
    source_id: UUID | None = Field(description="The source that it is about; null where it is the whole tenant")
    line: str = Field(description="What is wrong, and what to do")
    state: AlertState
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: AskedBy | None


class AlertPage(Answer):
    """A page of alerts: open ones first, of each the latest first."""

    items: list[Alert]
    next_cursor: NextCursor


class AlertParameters(PageParameters):
    """Which alerts."""

    state: AlertState | None = None
    kind: AlertKind | None = None
