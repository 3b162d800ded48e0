"""Jobs: what takes longer than a request, and how far it is."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel.llm.ceilings import MOST_USD
from opsintel.partitions import STAGE_NAMES, StageName
from opsintel.queue.backfills import Backfill
from opsintel_api.models.common import Answer, Day, NextCursor, PageParameters, Parameters
from opsintel_api.models.source_control import SourceErrandOfJob

MAX_SOURCES = 100
JobState = Literal["queued", "running", "done", "failed", "cancelled"]

BACKFILL_EXAMPLE: dict[str, Any] = {
    "from": "2026-11-01",
    "to": "2026-11-22",
    "first_stage": "analyses",
    "anew": True,
    "ceiling_usd": 5.0,
    "batch": True,
}
ESTIMATE_EXAMPLE: dict[str, Any] = {"days": 20, "messages": 1840, "first_day": "2026-11-01", "last_day": "2026-11-22"}
JOB_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000007",
    "kind": "backfill",
    "state": "running",
    "parameters": BACKFILL_EXAMPLE | {"sources": []},
    "total": 20,
    "done": 12,
    "failed": 0,
    "figures": None,
    "error": "",
    "created_by": "01993c5e-7c00-7000-8000-000000000002",
    "service_key_id": None,
    "created_at": "2026-11-23T09:00:00Z",
    "started_at": "2026-11-23T09:00:01Z",
    "finished_at": None,
}


class BackfillRequest(Parameters):
    """Days to run again, both included: all they hold, or what came from the named sources."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [BACKFILL_EXAMPLE]})

    from_: Day = Field(alias="from", description="First UTC day")
    to: Day = Field(description="Last UTC day")
    first_stage: StageName = Field(STAGE_NAMES[0], description="Stage to begin at; all that follow are run as well")
    sources: Annotated[list[UUID], Field(max_length=MAX_SOURCES)] = Field(
        default_factory=list, description="Only days that hold something of these sources; none: all days"
    )

    anew: bool = Field(False, description="Messages that have an analysis get another; else only those that wait")
    ceiling_usd: Annotated[float, Field(ge=0, le=float(MOST_USD))] | None = Field(
        None, description="What its calls of models may cost, in USD, never passed; none: what other ceilings leave"
    )

    batch: bool = Field(
        True, description="Its calls of models may wait up to a day, where a provider has batches at a lower price"
    )

    def backfill(self) -> Backfill:
        """Return what is asked for."""
        ceiling = None if self.ceiling_usd is None else Decimal(str(self.ceiling_usd))
        sources = tuple(sorted(set(self.sources)))
        return Backfill(self.from_, self.to, self.first_stage, sources, self.anew, ceiling, self.batch)


class BackfillParameters(Parameters):
    """Whether to start, or only to say how much it would be."""

    estimate: bool = Field(False, description="Start nothing; say how many days and messages it would be")


class EstimateRequest(Parameters):
    """Days whose messages would be analysed anew, both included."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"from": "2026-11-01", "to": "2026-11-22"}]}
    )

    from_: Day = Field(alias="from", description="First UTC day")
    to: Day = Field(description="Last UTC day")


class BackfillEstimate(Answer):
    """How much a backfill would run."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ESTIMATE_EXAMPLE]})

    days: int
    messages: int
    first_day: date
    last_day: date


class BackfillOfJob(Answer):
    """What was asked for."""

    from_: date = Field(alias="from")
    to: date
    first_stage: StageName
    sources: list[UUID]
    anew: bool = Field(False, description="Whether messages that have an analysis get another")
    ceiling_usd: float | None = Field(None, description="What its calls of models may cost, in USD")
    batch: bool = Field(False, description="Whether its calls of models may wait up to a day in batches")


class ErasureOfJob(Answer):
    """What was asked for: an erasure with the job's id."""

    dry_run: bool


class ModelKeyOfJob(Answer):
    """What was asked for: a try of a key to a model provider."""

    model_key_id: UUID


class EstimateOfJob(Answer):
    """What was asked for: what the tenant's models would take for the messages of these days, all of them anew."""

    from_: date = Field(alias="from")
    to: date


class PersonExportOfJob(Answer):
    """What was asked for: an export with the job's id; it names nobody."""


class Job(Answer):
    """Something that was asked for and takes longer than a request."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [JOB_EXAMPLE]})

    id: UUID
    kind: Literal["backfill", "source", "model_key", "estimate", "erasure", "person_export"]
    state: JobState
    parameters: BackfillOfJob | SourceErrandOfJob | ModelKeyOfJob | EstimateOfJob | ErasureOfJob | PersonExportOfJob
    total: int | None = Field(description="Days it has, 1 for what has no days; null before it was started")
    done: int = Field(description="How many are done")
    failed: int = Field(description="How many were given up")
    figures: dict[str, int] | None = Field(description="What it found or did, by store; null for a backfill")
    error: str = Field(description="Why it failed, in words")
    created_by: UUID | None = Field(description="Person who asked for it; null for a service key or the operator")
    service_key_id: UUID | None = Field(description="Service key that asked for it")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobParameters(PageParameters):
    """A page of jobs."""

    state: JobState | None = Field(None, description="Only jobs in this state")


class JobPage(Answer):
    """A page of jobs, latest first."""

    items: list[Job]
    next_cursor: NextCursor
