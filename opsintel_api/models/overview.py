"""Overview and time series."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, Period, PeriodParameters
from opsintel_api.models.issues import IssueRow


class Figure(Answer):
    """A figure and that of the span before, of the same length."""

    value: int
    previous: int


class Figures(Answer):
    """The figures at the head of the overview."""

    messages: Figure
    actionable: Figure
    open_issues: Figure = Field(description="Neither resolved nor archived at the end of the span")
    unique_customers: Figure = Field(description="Who wrote actionable messages, the tenant's own people left out")


class SeverityDay(Answer):
    """Actionable messages of a day by severity."""

    day: date
    sev1: int
    sev2: int
    sev3: int
    sev4: int
    sev5: int


class SourceVolume(Answer):
    """Messages by source."""

    source_id: UUID
    name: str
    kind: Shown
    messages: int


class Surge(Answer):
    """An issue with more messages than its usual day, on the latest day of the span that holds messages."""

    issue_id: UUID
    number: int
    title: str
    day: date
    today: int
    expected: float = Field(description="Mean of the 28 days before")
    ratio: float | None = Field(description="today / expected; null when nothing was expected")


class Freshness(Answer):
    """How current the figures are."""

    updated_at: datetime | None
    sources_healthy: int
    sources_total: int


class AnalysisMode(Answer):
    """Who analyses: a model, or the built-in rules."""

    provider: Shown | None
    embedder: Shown | None
    built_in: bool
    reason: str


class Overview(Answer):
    """The first page of the dashboard."""

    period: Period
    kpis: Figures
    by_severity_day: list[SeverityDay]
    by_source: list[SourceVolume]
    surging: list[Surge]
    top_issues: list[IssueRow]
    freshness: Freshness
    analysis_mode: AnalysisMode


class Point(Answer):
    """A value of a day."""

    day: date
    value: int


class Series(Answer):
    """One line or stack of a chart; every day of the span has a point."""

    key: Shown
    label: str
    points: list[Point]


class Timeseries(Answer):
    """Series of a chart, the largest first."""

    period: Period
    series: list[Series]


class TimeseriesParameters(PeriodParameters):
    """What is counted, and by what."""

    metric: Literal["messages", "actionable", "customers"] = "messages"
    group_by: Literal["none", "severity", "source", "kind", "issue"] = Field(
        "none", description="`customers` goes with none and issue; an `issue_id` with none and severity"
    )
    grain: Literal["day"] = "day"
    issue_id: UUID | None = None
