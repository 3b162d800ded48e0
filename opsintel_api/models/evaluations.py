"""How right analyses are, week by week, and the gold sets that tell."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor, PageParameters
from opsintel_api.models.corrections import CorrectedField

Share = Annotated[float, Field(ge=0, le=1)]

EVALUATION_EXAMPLE: dict[str, Any] = {
    "week": "2026-11-16",
    "gold_version": 3,
    "profile_version": "default-1.3f2a9c11",
    "model": "gpt-4o-mini",
    "field": "severity",
    "examples": 120,
    "accuracy": 0.81,
    "macro_f1": 0.74,
    "kappa": 0.79,
    "calibration_error": 0.06,
    "calibration_error_given": 0.17,
    "corrections_per_1000": 4.2,
    "created_at": "2026-11-23T04:30:00Z",
}


class Evaluation(Answer):
    """How right a field of the analyses of a version was in a week."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EVALUATION_EXAMPLE]})

    week: date = Field(description="Monday of the week (UTC)")
    gold_version: int = Field(description="Version of the gold set that it was measured on")
    profile_version: Shown
    model: Shown
    field: CorrectedField
    examples: int = Field(description="Examples that say what is right of the field")
    accuracy: Share
    macro_f1: Share
    kappa: Annotated[float, Field(ge=-1, le=1)] | None = Field(description="Quadratically weighted; of the severity")
    calibration_error: Share | None = Field(
        description="Expected calibration error of the confidence as it is used; null where nothing was reviewed"
    )
    calibration_error_given: Share | None = Field(description="That of the confidence as it was given")
    corrections_per_1000: float | None = Field(
        description="Messages whose field was corrected in the week, of 1,000 analysed"
    )
    created_at: datetime


class EvaluationPage(Answer):
    """A page of evaluations, the latest week first."""

    items: list[Evaluation]
    next_cursor: NextCursor


class EvaluationParameters(PageParameters):
    """Which evaluations."""

    field: CorrectedField | None = None


class GoldSet(Answer):
    """A version of the gold set; it never changes but by what is deleted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "version": 3,
                    "candidates": 640,
                    "examples": 500,
                    "left": 498,
                    "created_at": "2026-11-23T04:30:00Z",
                }
            ]
        },
    )

    version: int
    candidates: int = Field(description="Messages of which people had said what is right")
    examples: int = Field(description="Those that were chosen, evenly from kinds, categories and severities")
    left: int = Field(description="Those whose message was not deleted since")
    created_at: datetime


class GoldSetPage(Answer):
    """A page of versions, the latest first."""

    items: list[GoldSet]
    next_cursor: NextCursor
