"""Issues: recurring problems, their members and history."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel_api.masking import Person, Shown
from opsintel_api.models.common import (
    Answer,
    EmbedderInfo,
    IssueLink,
    NextCursor,
    PageParameters,
    SearchText,
    Severity,
)

State = Literal["new", "ongoing", "escalating", "regressed", "resolved", "archived"]

ISSUE_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000001",
    "number": 12,
    "title": "Invoices show the wrong tax rate",
    "category": "Billing / Invoices",
    "severity": 2,
    "state": "ongoing",
    "first_seen": "2026-11-02T08:14:00Z",
    "last_seen": "2026-11-22T17:40:00Z",
    "messages": 31,
    "customers": 18,
    "sources": ["mbox", "slack_export"],
    "trend": [0, 1, 0, 2, 1, 0, 0, 3, 1, 0, 0, 1, 2, 0, 0, 1, 1, 0, 2, 4, 1, 0, 1, 3, 2, 1, 0, 2, 1, 1],
}


class IssueRow(Answer):
    """An issue as lists show it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ISSUE_EXAMPLE]})

    id: UUID
    number: int
    title: str
    category: str
    severity: Severity
    state: State
    first_seen: datetime | None
    last_seen: datetime | None
    messages: int
    customers: int = Field(description="Unique customers, the tenant's own people left out")
    sources: list[str] = Field(description="Kinds of the sources its messages came from")
    trend: list[int] = Field(min_length=30, max_length=30, description="Messages a day, the latest day last")


class IssuePage(Answer):
    """A page of issues."""

    items: list[IssueRow]
    next_cursor: NextCursor


class SeverityMix(Answer):
    """Messages of each severity."""

    sev1: int
    sev2: int
    sev3: int
    sev4: int
    sev5: int


class Count(Answer):
    """How many messages share a name."""

    name: str
    messages: int


class SourceDay(Answer):
    """Messages of an issue by day and source."""

    day: date
    source_id: UUID
    name: str
    kind: Shown
    messages: int


class Quote(Answer):
    """Verbatim words of a member."""

    message_id: UUID
    text: str
    author: Person | None
    occurred_at: datetime
    source_kind: Shown


class HistoryEntry(Answer):
    """Something that happened to an issue."""

    at: datetime
    kind: Shown
    detail: dict[str, Any]
    actor: Shown


class Example(Answer):
    """The most typical member."""

    message_id: UUID
    subject: str
    text: str
    author: Person | None
    occurred_at: datetime


class Issue(IssueRow):
    """An issue with what it is made of."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": []})

    summary: str
    title_method: Literal["phrase", "model", "person"]
    merged_into: UUID | None = Field(description="Its successor, when it was merged")
    example: Example | None
    severity_mix: SeverityMix
    channels: list[Count] = Field(description="email, chat, ticket")
    languages: list[Count] = Field(description="BCP 47; '' when too short to tell")
    by_source_day: list[SourceDay]
    quotes: list[Quote]
    history: list[HistoryEntry]
    clustering: EmbedderInfo | None


class RunnerUp(IssueLink):
    """The next nearest issue when a message was assigned."""

    distance: float | None


class Member(Answer):
    """A message of an issue and why it is there."""

    message_id: UUID
    subject: str
    snippet: str
    author: Person | None
    occurred_at: datetime
    source_kind: Shown
    severity: Severity | None
    method: Shown
    distance: float | None = Field(description="Cosine distance to the issue's centroid when it was assigned")
    runner_up: RunnerUp | None
    decided_by: Shown | None


class MemberPage(Answer):
    """A page of members, latest first."""

    items: list[Member]
    next_cursor: NextCursor


class IssueListParameters(PageParameters):
    """Filters and order of the list of issues."""

    state: State | Literal["open"] | None = Field(None, description="`open`: neither resolved nor archived")
    severity: Severity | None = None
    q: SearchText | None = Field(None, description="Words of the title, or a number")
    source: UUID | None = Field(None, description="Issues with messages of this source")
    sort: Literal["last_seen", "volume", "customers"] = "last_seen"
