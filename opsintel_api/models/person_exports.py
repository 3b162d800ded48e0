"""Exports of what is stored of a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor, PageParameters, Parameters
from opsintel_api.models.erasures import AskedBy
from opsintel_api.models.people import SUBJECT_EXAMPLE, PersonSubject

ExportState = Literal["queued", "running", "done", "failed", "expired"]

EXPORT_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-00000000000b",
    "state": "done",
    "records": {"message": 12, "analysis": 4, "participant": 1},
    "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "error": "",
    "asked_by": {"kind": "person", "id": "01993c5e-7c00-7000-8000-000000000002", "name": None},
    "requested_at": "2026-11-23T09:00:00Z",
    "finished_at": "2026-11-23T09:00:04Z",
    "expires_at": "2026-11-30T09:00:04Z",
}


class PersonExportRequest(Parameters):
    """Whose data is wanted."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"subject": SUBJECT_EXAMPLE}]})

    subject: PersonSubject


class PersonExport(Answer):
    """An export, without the person."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXPORT_EXAMPLE]})

    id: UUID = Field(description="Also the id of its job")
    state: ExportState = Field(description="`expired`: its file was removed, by time or by an erasure")
    records: dict[str, int] = Field(description="How much is in it, by file")
    size: int = Field(description="Bytes of the file; 0 before it is done")
    sha256: Shown | None = Field(description="Hash of the file; null before it is done")
    error: str = Field(description="Why it failed, or waits, in words")
    asked_by: AskedBy
    requested_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When the file is removed")


class PersonExportParameters(PageParameters):
    """A page of exports."""


class PersonExportPage(Answer):
    """A page of exports, latest first."""

    items: list[PersonExport]
    next_cursor: NextCursor
