"""Corrections of what was found in messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictInt

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor, PageParameters, Parameters
from opsintel_api.models.erasures import AskedBy

CorrectedField = Literal["kind", "category", "severity", "sentiment", "impact", "urgency", "not_actionable_reason"]

REQUEST_EXAMPLE: dict[str, Any] = {
    "message_id": "01993c5e-7c00-7000-8000-000000000002",
    "field": "severity",
    "value": 2,
    "reason": "The whole team cannot work",
}
CORRECTION_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-00000000000d",
    "message_id": "01993c5e-7c00-7000-8000-000000000002",
    "field": "severity",
    "old_value": 4,
    "new_value": 2,
    "reason": "The whole team cannot work",
    "author": {"kind": "person", "id": "01993c5e-7c00-7000-8000-000000000009", "name": None},
    "created_at": "2026-11-23T09:00:00Z",
    "undone_at": None,
}


class CorrectionRequest(Parameters):
    """What is said of a message instead of what was found."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    message_id: UUID
    field: CorrectedField
    value: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] | StrictInt | None = Field(
        description="One of the field's values; a category as levels joined by ' / '; null as not_actionable_reason:"
        " somebody has to act"
    )
    reason: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""


class Correction(Answer):
    """A correction; of several of one field the latest that is not undone holds."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CORRECTION_EXAMPLE]})

    id: UUID
    message_id: UUID
    field: CorrectedField
    old_value: Shown | int | None = Field(description="What was shown before; null also where nothing was")
    new_value: Shown | int | None
    reason: str
    author: AskedBy
    created_at: datetime
    undone_at: datetime | None


class CorrectionPage(Answer):
    """A page of corrections, latest first."""

    items: list[Correction]
    next_cursor: NextCursor


class CorrectionParameters(PageParameters):
    """Which corrections."""

    message_id: UUID | None = Field(None, description="Of this message alone")
