"""The default analysis profile: what an analysis contains, as a schema. Closed lists come from here."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PROFILE_VERSION = "default-1"


class NotActionable(StrEnum):
    """Why nobody has to act."""

    SPAM = "spam"
    AUTO_REPLY = "auto_reply"
    NEWSLETTER = "newsletter"
    FYI = "fyi"
    THANKS = "thanks"
    INTERNAL = "internal"


class RequestKind(StrEnum):
    """What the writer wants or reports."""

    HELP = "help"
    COMPLAINT = "complaint"
    REQUEST = "request"
    BUG_REPORT = "bug_report"
    INCIDENT = "incident"
    QUESTION = "question"
    PRAISE = "praise"
    CHURN_RISK = "churn_risk"
    BILLING = "billing"
    SECURITY = "security"
    LEGAL = "legal"
    OTHER = "other"


Impact = Literal["individual", "team", "org", "all"]
Urgency = Literal["now", "today", "week", "none"]
Sentiment = Literal["very_negative", "negative", "neutral", "positive", "very_positive"]
EntityType = Literal[
    "product", "feature", "version", "error_code", "order_id", "amount", "date", "org", "person", "url"
]
AskType = Literal["refund", "cancel", "escalate", "callback", "data_request"]

SENTIMENTS: tuple[Sentiment, ...] = ("very_negative", "negative", "neutral", "positive", "very_positive")
"""In order; position minus 2 is the number stored."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(_Part):
    """A verbatim quote of the message's new text with its place."""

    field: str
    quote: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)


class Entity(_Part):
    """Something named in the message."""

    type: EntityType
    value: str


class ActionItem(_Part):
    """Something to be done, with the sentence that says so."""

    text: str
    owner_hint: str = ""
    due: str = ""
    quote: str


class Ask(_Part):
    """What the writer asks for, with the words that say so."""

    type: AskType
    quote: str


class PersonalData(_Part):
    """How often a kind of personal data occurs; never the values."""

    type: Literal["email", "phone", "iban", "card", "ip", "key", "national_id"]
    count: int = Field(ge=1)


class Analysis(_Part):
    """What was found in one message."""

    is_actionable: bool
    not_actionable_reason: NotActionable | None
    kind: RequestKind
    category_path: tuple[str, ...] = Field(max_length=3)
    severity: int = Field(ge=1, le=5, description="1 is worst")
    severity_floor: int | None = Field(None, ge=1, le=5, description="least severity that the rules demand")
    impact: Impact
    urgency: Urgency
    workaround: bool
    evidence: tuple[Evidence, ...]
    sentiment: Sentiment
    title: str = Field(max_length=80)
    summary: str = Field(max_length=240)
    entities: tuple[Entity, ...]
    action_items: tuple[ActionItem, ...]
    asks: tuple[Ask, ...]
    language: str
    pii: tuple[PersonalData, ...]
    injection_suspected: bool
    injection_quote: str
    confidence: dict[str, float]
    given: dict[str, float] = Field(
        default_factory=dict, description="confidence as a model gave it, before it lost any"
    )
    calibrated: dict[str, float] = Field(default_factory=dict, description="share of such findings that are right")
