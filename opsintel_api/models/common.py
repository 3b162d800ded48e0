"""Types that several subjects share."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from opsintel_api.masking import Person, Shown

MAX_PAGE = 200
DEFAULT_PAGE = 50
EARLIEST_DAY = date(1970, 1, 1)
LATEST_DAY = date(2199, 12, 31)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

SearchText = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Severity = Annotated[int, Field(ge=1, le=5, description="1 is worst")]
Cursor = Annotated[str, Field(max_length=1000, description="`next_cursor` of the page before, of the same query")]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE, description="Rows of a page")]


def _written_out(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("Write a day as 2026-11-23")
    return value


def _within_reason(value: date) -> date:
    # The ends of Python's calendar mean infinity to the database's driver.
    if not EARLIEST_DAY <= value <= LATEST_DAY:
        raise ValueError(f"Choose a day from {EARLIEST_DAY} to {LATEST_DAY}")
    return value


Day = Annotated[date, BeforeValidator(_written_out), AfterValidator(_within_reason)]
RequestKind = Literal[
    "help", "complaint", "request", "bug_report", "incident", "question", "praise", "churn_risk", "billing",
    "security", "legal", "other",
]  # fmt: skip


class Answer(BaseModel):
    """Base of all answers: they hold the listed fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Parameters(BaseModel):
    """Base of all query parameters and bodies: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class PageParameters(Parameters):
    """A page of a list."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_PAGE


class PeriodParameters(Parameters):
    """A span of UTC days, both included; without them the last 30 days that hold messages."""

    from_: Day | None = Field(None, alias="from", description="First UTC day")
    to: Day | None = Field(None, description="Last UTC day")


class Period(Answer):
    """The span of UTC days an answer is about, both included."""

    from_: date = Field(alias="from")
    to: date


NextCursor = Annotated[Shown | None, Field(description="What to send as `cursor` for the next page; null on the last")]


class IssueLink(Answer):
    """An issue, named."""

    id: UUID
    number: int
    title: str


class MessageLink(Answer):
    """A message of a thread."""

    id: UUID
    author: Person | None
    occurred_at: datetime
    snippet: str


class EmbedderInfo(Answer):
    """Which embedder is behind a result."""

    name: Shown
    built_in: bool = Field(description="Whether it is the lexical one, which understands no paraphrase")
