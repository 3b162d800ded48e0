"""What calls of models may cost, and what they did."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel.llm.budget import DEGRADE_FROM, Degrade
from opsintel.llm.ceilings import MOST_USD, SAMPLE_SHARE
from opsintel.llm.chain import MODEL_LIMIT
from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor, PageParameters, Parameters, Period, PeriodParameters

LimitUsd = Annotated[float, Field(ge=0, le=int(MOST_USD), allow_inf_nan=False, description="USD")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
UsageGroup = Literal["all", "day", "source", "purpose", "model"]
UsagePurpose = Literal["analyse", "name_issue", "embed", "probe"]

BUDGET_REQUEST_EXAMPLE: dict[str, Any] = {"limit_usd": 25, "degrade": "cheaper", "degrade_from": 0.8}
BUDGET_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000013",
    "scope": "month",
    "source_id": None,
    "source_name": None,
    "job_id": None,
    "limit_usd": 25,
    "degrade": "cheaper",
    "degrade_from": 0.8,
    "sample_share": 0.2,
    "spent_usd": 3.41,
    "reserved_usd": 0.02,
    "is_reached": False,
    "created_at": "2026-11-01T09:00:00Z",
}
USAGE_EXAMPLE: dict[str, Any] = {
    "day": "2026-11-23",
    "source_id": None,
    "source_name": None,
    "purpose": "analyse",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "calls": 41,
    "failed": 1,
    "messages": 402,
    "tokens_in": 90210,
    "tokens_out": 41007,
    "tokens_cached": 51200,
    "cost_usd": 0.0371,
    "unpriced": 0,
}


class BudgetRequest(Parameters):
    """A ceiling: of the tenant's month, of a source's month, or of a backfill as a whole."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [BUDGET_REQUEST_EXAMPLE]})

    source_id: UUID | None = Field(None, description="Only calls about messages of this source count")
    job_id: UUID | None = Field(None, description="Only calls of this backfill count; not with `source_id`")
    limit_usd: LimitUsd
    degrade: Degrade = Field("park", description="What is done before it is reached; at it, all is parked")
    degrade_from: Share = Field(DEGRADE_FROM, description="Share of the ceiling from which that is done")
    sample_share: Share = Field(SAMPLE_SHARE, description="Share of messages that are analysed then, for `sample`")


class Budget(Answer):
    """A ceiling, and how much of it is used: in this UTC month, or by the backfill."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [BUDGET_EXAMPLE]})

    id: UUID
    scope: Literal["month", "source", "backfill", "platform"]
    source_id: UUID | None
    source_name: str | None
    job_id: UUID | None
    limit_usd: float
    degrade: Degrade
    degrade_from: float
    sample_share: float
    spent_usd: float
    reserved_usd: float = Field(description="Set aside for calls under way")
    is_reached: bool = Field(description="Whether work waits since a call would have passed it")
    created_at: datetime


class BudgetPage(Answer):
    """A page of ceilings, latest first."""

    items: list[Budget]
    next_cursor: NextCursor


class UsageParameters(PeriodParameters, PageParameters):
    """Which calls, and how they are added up."""

    source_id: UUID | None = Field(None, description="Only calls about messages of this source")
    purpose: UsagePurpose | None = None
    model: Annotated[str, Field(min_length=1, max_length=MODEL_LIMIT, pattern=r"^[^\x00]+$")] | None = None
    group_by: UsageGroup = Field("all", description="all: a row for each day, source, purpose and model")


class Usage(Answer):
    """Calls of models, added up; what they are not grouped by is null."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [USAGE_EXAMPLE]})

    day: date | None
    source_id: UUID | None = Field(description="Null also where calls were about messages of several, or of none")
    source_name: str | None
    purpose: UsagePurpose | None
    provider: Shown | None
    model: str | None
    calls: int = Field(description="Calls that have ended")
    failed: int = Field(description="Of them, those that gave no answer")
    messages: int = Field(description="Messages that were answered for")
    tokens_in: int
    tokens_out: int
    tokens_cached: int = Field(description="Of those in, those that the provider had cached")
    cost_usd: float = Field(description="Of the calls whose price is known")
    unpriced: int = Field(description="Calls that were answered at a price that is unknown")


class UsagePage(Answer):
    """A page of usage, latest day first."""

    period: Period
    items: list[Usage]
    next_cursor: NextCursor
