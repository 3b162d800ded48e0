"""Messages, their analyses, and search."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel_api.masking import Person, Shown
from opsintel_api.models.common import (
    DEFAULT_PAGE,
    Answer,
    EmbedderInfo,
    IssueLink,
    Limit,
    MessageLink,
    NextCursor,
    PageParameters,
    Parameters,
    PeriodParameters,
    RequestKind,
    SearchText,
    Severity,
)
from opsintel_api.models.issues import RunnerUp

MESSAGE_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000002",
    "subject": "Wrong tax on invoice 4417",
    "snippet": "The invoice of this month shows 19 % although we are exempt",
    "author": "Ana Silva",
    "occurred_at": "2026-11-22T17:40:00Z",
    "source_id": "01993c5e-7c00-7000-8000-000000000003",
    "source_kind": "mbox",
    "kind": "billing",
    "severity": 2,
    "actionable": True,
    "automatic": None,
    "issue": {
        "id": "01993c5e-7c00-7000-8000-000000000001",
        "number": 12,
        "title": "Invoices show the wrong tax rate",
    },
    "language": "en",
}


class MessageRow(Answer):
    """A message as lists show it; kind, severity and actionable are null until it was analysed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [MESSAGE_EXAMPLE]})

    id: UUID
    subject: str
    snippet: str
    author: Person | None
    occurred_at: datetime
    source_id: UUID | None
    source_kind: Shown
    kind: RequestKind | None
    severity: Severity | None
    actionable: bool | None
    automatic: Shown | None = Field(description="Class of automatic mail; null for a person's")
    issue: IssueLink | None
    language: Shown = Field(description="BCP 47; '' when too short to tell")


class MessagePage(Answer):
    """A page of messages, latest first."""

    items: list[MessageRow]
    next_cursor: NextCursor


class Recipient(Answer):
    """An address the message was sent to."""

    kind: Shown
    value: Person
    name: Person


class Attachment(Answer):
    """A part that is not text."""

    filename: str
    content_type: Shown
    size: int
    inline: bool


class Link(Answer):
    """A link of the text."""

    url: str
    text: str


class Occurrence(Answer):
    """A place the message was seen in."""

    source_id: UUID
    source_kind: Shown
    source_name: str
    channel: str
    seen_at: datetime


class Evidence(Answer):
    """Verbatim words of the new text with their place."""

    start: int
    end: int
    quote: str
    field: Shown


class Entity(Answer):
    """Something named in the message."""

    type: Shown
    value: str


class ActionItem(Answer):
    """Something to be done."""

    text: str
    owner_hint: Person
    due: str
    quote: str


class Ask(Answer):
    """What the writer asks for."""

    type: Shown
    quote: str


class PersonalData(Answer):
    """How often a kind of personal data occurs; never the values."""

    type: Shown
    count: int


class Analysis(Answer):
    """What was found in the message, and by whom."""

    is_actionable: bool
    not_actionable_reason: Shown | None
    kind: RequestKind
    category_path: list[str]
    severity: Severity
    severity_floor: Severity | None
    impact: Literal["individual", "team", "org", "all"]
    urgency: Literal["now", "today", "week", "none"]
    workaround: bool
    evidence: list[Evidence]
    sentiment: Literal["very_negative", "negative", "neutral", "positive", "very_positive"]
    title: str
    summary: str
    entities: list[Entity]
    action_items: list[ActionItem]
    asks: list[Ask]
    language: Shown
    pii: list[PersonalData]
    injection_suspected: bool
    injection_quote: str
    confidence: dict[str, float] = Field(description="By field, how sure it was said to be, 0 to 1")
    calibrated: dict[str, float] = Field(
        description="By field, the share of findings so sure that are right, where that is learnt"
    )
    provider: Shown
    model: Shown
    built_in: bool
    profile_version: Shown
    corrected: list[Shown] = Field(description="Fields that show what a person said, not what was found")
    ruled: list[Shown] = Field(description="Fields that show what a learned rule says")
    created_at: datetime


class MessageMembership(Answer):
    """Why a message is in its issue."""

    issue: IssueLink
    method: Shown
    distance: float | None
    runner_up: RunnerUp | None
    decided_by: Shown | None
    added_at: datetime


class Message(MessageRow):
    """A message with its texts, thread and analysis."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": []})

    text: str
    quoted_text: str
    signature_text: str
    recipients: list[Recipient]
    thread: list[MessageLink] = Field(description="At most 100 messages of its conversation, oldest first")
    attachments: list[Attachment]
    links: list[Link]
    labels: list[str]
    occurrences: list[Occurrence]
    analysis: Analysis | None
    membership: MessageMembership | None
    defects: list[str] = Field(description="What was wrong with the raw message")


class MessageListParameters(PageParameters, PeriodParameters):
    """Filters of the list of messages."""

    source: UUID | None = None
    kind: RequestKind | None = None
    severity: Severity | None = None
    actionable: bool | None = None
    q: SearchText | None = Field(None, description='Words of subject and text; "phrase", -not, or')


class SearchParameters(Parameters):
    """What to look for, and how."""

    q: SearchText
    mode: Literal["hybrid", "text", "semantic"] = "hybrid"
    limit: Limit = DEFAULT_PAGE


class Hit(MessageRow):
    """A message that was found."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": []})

    score: float = Field(description="Higher is better; comparable within one answer only")
    matched_by: list[Literal["text", "semantic"]]


class SearchResult(Answer):
    """What was found, best first."""

    items: list[Hit]
    embedder: EmbedderInfo | None = Field(description="Null when no messages have been embedded yet")
