"""Shadow runs: a new version is tried on what people have said, and promoted where it loses little enough."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor, Parameters
from opsintel_api.models.corrections import CorrectedField
from opsintel_api.models.erasures import AskedBy

Share = Annotated[float, Field(ge=0, le=1)]
CHAIN_EXAMPLE: list[dict[str, str]] = [{"key_id": "01993c5e-7c00-7000-8000-000000000011", "model": "gpt-4o-mini"}]
RUN_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000010",
    "taxonomy_version": 4,
    "chain": None,
    "profile_version": "default-1.t4.5f1c0a9e",
    "state": "measured",
    "gold_version": 3,
    "figures": [{"field": "category", "examples": 120, "present": 0.81, "tried": 0.86}],
    "loss": -0.05,
    "margin": 0.01,
    "may_be_promoted": True,
    "calls": 15,
    "cost_usd": 0.031,
    "error": "",
    "is_overridden": False,
    "reason": "",
    "asked_by": {"kind": "person", "id": "01993c5e-7c00-7000-8000-000000000009", "name": None},
    "created_at": "2026-11-23T09:00:00Z",
    "measured_at": "2026-11-23T09:02:00Z",
    "promoted_at": None,
}


class TriedModel(Parameters):
    """A model of one of the tenant's keys."""

    key_id: UUID
    model: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ShadowRunRequest(Parameters):
    """What is tried; what is left out stays as it is in force."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"taxonomy_version": 4}]})

    taxonomy_version: Annotated[int, Field(ge=1, le=2_000_000_000)] | None = None
    chain: Annotated[list[TriedModel], Field(min_length=1, max_length=20)] | None = Field(
        None, description="Models in their order"
    )


class PromotionRequest(Parameters):
    """Whether a run is promoted even if it loses more than the margin."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})

    override: Annotated[str, Field(min_length=3, max_length=1000, pattern=r"^[^\x00]*$")] | None = Field(
        None, description="Why, where it is; kept with the run, and the audit log says that it was"
    )


class ModelOfChain(Answer):
    """A model that was tried."""

    key_id: UUID
    model: Shown


class ComparedField(Answer):
    """How right a field is on the same messages."""

    field: CorrectedField
    examples: int
    present: Share = Field(description="Accuracy of the analyses that stand")
    tried: Share = Field(description="Accuracy of what was tried")


class ShadowRun(Answer):
    """A candidate, and how it does beside what is in force."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [RUN_EXAMPLE]})

    id: UUID
    taxonomy_version: int | None = Field(description="Null: the one that is in force")
    chain: list[ModelOfChain] | None = Field(description="Null: the models that are in force")
    profile_version: Shown = Field(description="Version of all that was told; '' before it was measured")
    state: Literal["waiting", "running", "measured", "failed", "promoted"]
    gold_version: int | None
    figures: list[ComparedField]
    loss: float | None = Field(description="Largest loss of accuracy of a field; below 0 it gains in all")
    margin: Share = Field(description="What the tenant allows it to lose")
    may_be_promoted: bool
    calls: int
    cost_usd: float
    error: str = Field(description="Why it failed")
    is_overridden: bool = Field(description="Whether it was promoted though it loses more than the margin")
    reason: str
    asked_by: AskedBy
    created_at: datetime
    measured_at: datetime | None
    promoted_at: datetime | None


class ShadowRunPage(Answer):
    """A page of runs, latest first."""

    items: list[ShadowRun]
    next_cursor: NextCursor


class PromotionMargin(Answer):
    """What a version may lose and be promoted all the same."""

    margin: Share


class PromotionMarginRequest(Parameters):
    """The margin from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"margin": 0.02}]})

    margin: Share = Field(description="Share of right answers of any field that may be lost")
