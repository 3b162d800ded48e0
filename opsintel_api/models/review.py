"""The review queue: what a person is to look at, and what they say of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StrictInt, model_validator

from opsintel_api.masking import Person, Shown
from opsintel_api.models.common import Answer, NextCursor, PageParameters, Parameters, RequestKind, Severity
from opsintel_api.models.corrections import CorrectedField
from opsintel_api.models.erasures import AskedBy

ReviewReason = Literal["failed", "disagreement", "low_confidence", "sample"]
ReviewState = Literal["open", "confirmed", "corrected", "skipped"]

RESOLUTION_EXAMPLE: dict[str, Any] = {
    "verdict": "corrected",
    "corrections": [{"field": "severity", "value": 2}],
    "reason": "The whole team cannot work",
}
ITEM_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-00000000000e",
    "message_id": "01993c5e-7c00-7000-8000-000000000002",
    "subject": "Wrong tax on invoice 4417",
    "snippet": "The invoice of this month shows 19 % although we are exempt",
    "author": "Ana Silva",
    "occurred_at": "2026-11-22T17:40:00Z",
    "reason": "disagreement",
    "fields": ["severity"],
    "detail": None,
    "confidence": 0.62,
    "state": "open",
    "shown": {
        "kind": "billing",
        "category": "Billing / Tax",
        "severity": 4,
        "impact": "individual",
        "urgency": "none",
        "sentiment": "negative",
        "not_actionable_reason": None,
        "title": "Tax is charged to an exempt customer",
        "summary": "The invoice shows 19 % tax although the customer is exempt",
    },
    "resolved_by": None,
    "created_at": "2026-11-23T09:00:00Z",
    "resolved_at": None,
}


class FieldCorrection(Parameters):
    """What a field is instead."""

    field: CorrectedField
    value: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] | StrictInt | None


class ReviewResolution(Parameters):
    """What a person says of an item."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [RESOLUTION_EXAMPLE]})

    verdict: Literal["confirmed", "corrected", "skipped"]
    corrections: Annotated[list[FieldCorrection], Field(max_length=7)] = Field(
        [], description="For `corrected`: each field once"
    )
    reason: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""

    @model_validator(mode="after")
    def _says_what_it_corrects(self) -> Self:
        if (self.verdict == "corrected") is not bool(self.corrections):
            raise ValueError("`corrected` takes corrections, and nothing else does")
        if len({one.field for one in self.corrections}) < len(self.corrections):
            raise ValueError("A field is corrected once")
        return self


class ReviewedAnalysis(Answer):
    """The analysis of the message as it is shown now."""

    kind: RequestKind
    category: str = Field(description="Levels joined by ' / '")
    severity: Severity
    impact: Literal["individual", "team", "org", "all"]
    urgency: Literal["now", "today", "week", "none"]
    sentiment: Literal["very_negative", "negative", "neutral", "positive", "very_positive"]
    not_actionable_reason: Shown | None
    title: str
    summary: str


class ReviewItem(Answer):
    """A message whose analysis a person is to look at, or has looked at."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ITEM_EXAMPLE]})

    id: UUID
    message_id: UUID
    subject: str
    snippet: str
    author: Person | None
    occurred_at: datetime
    reason: ReviewReason
    fields: list[CorrectedField] = Field(description="Fields that are unsure or disagreed on")
    detail: Shown | None = Field(description="Why no model made the analysis, where that is the reason")
    confidence: float | None = Field(description="Least confidence of its fields")
    state: ReviewState
    shown: ReviewedAnalysis | None = Field(description="Null while the message is analysed anew")
    resolved_by: AskedBy | None
    created_at: datetime
    resolved_at: datetime | None


class ReviewItemPage(Answer):
    """A page of the queue: what is worth a look most comes first."""

    items: list[ReviewItem]
    next_cursor: NextCursor


class ReviewParameters(PageParameters):
    """Which items."""

    state: ReviewState = "open"
    reason: ReviewReason | None = None
