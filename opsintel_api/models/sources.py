"""Sources: health, completeness and failures."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor

SOURCE_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000003",
    "name": "support@example.com",
    "kind": "mbox",
    "state": "active",
    "detail": "",
    "last_sync_at": "2026-11-22T18:00:00Z",
    "messages": 412,
    "failures": 1,
    "days": [{"day": "2026-11-22", "census": 14, "stored": 14, "analysed": 12, "left_out": 2}],
}


class Completeness(Answer):
    """How much of a day has arrived."""

    day: date
    census: int | None = Field(description="Items the provider held when last counted; null when never")
    stored: int
    analysed: int
    left_out: int = Field(description="Messages that are not analysed, as no filter selects them")


class Source(Answer):
    """A connected mailbox, workspace, help desk or file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [SOURCE_EXAMPLE]})

    id: UUID
    name: str
    kind: Shown
    state: Literal["active", "paused", "failing", "disabled"]
    detail: str = Field(description="Why it is in that state")
    last_sync_at: datetime | None
    messages: int
    failures: int = Field(description="Items that could not be read and are open")
    days: list[Completeness] = Field(description="The last 30 days that hold messages, gaps left out")


class SourceList(Answer):
    """All sources, by name."""

    items: list[Source]


class SourceFailure(Answer):
    """An item that could not be read, with the reason."""

    id: UUID
    stage: Shown
    kind: Shown
    key: str
    reason: str
    day: date | None
    retryable: bool
    attempts: int
    first_at: datetime
    last_at: datetime


class SourceFailurePage(Answer):
    """A page of open failures, latest first."""

    items: list[SourceFailure]
    next_cursor: NextCursor
