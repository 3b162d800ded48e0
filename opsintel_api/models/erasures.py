"""Erasures of people: the dry run, the erasure that keeps to it, the receipt."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, NextCursor, PageParameters, Parameters
from opsintel_api.models.people import SUBJECT_EXAMPLE, PersonSubject

ErasureState = Literal["queued", "running", "done", "failed"]
Stores = dict[str, int]

STORES_EXAMPLE: dict[str, int] = {
    "objects": 5, "events": 31, "analyses": 7, "embeddings": 7, "issues": 6, "sheets": 0, "outbox": 0, "rabbitmq": 0,
    "redis": 0, "dagster": 0, "audit": 1, "accounts": 0,
}  # fmt: skip
DRY_RUN_EXAMPLE: dict[str, Any] = {"subject": SUBJECT_EXAMPLE, "dry_run": True}
ERASURE_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000009",
    "kind": "person",
    "dry_run": True,
    "dry_run_id": None,
    "state": "done",
    "stores": STORES_EXAMPLE,
    "receipt": None,
    "error": "",
    "asked_by": {"kind": "person", "id": "01993c5e-7c00-7000-8000-000000000002", "name": None},
    "requested_at": "2026-11-23T09:00:00Z",
    "finished_at": "2026-11-23T09:00:04Z",
}


class ErasureRequest(Parameters):
    """A dry run, or the erasure that keeps to one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [DRY_RUN_EXAMPLE]})

    subject: PersonSubject
    dry_run: bool = Field(False, description="Change nothing; say what would be removed")
    dry_run_id: UUID | None = Field(None, description="The dry run of the same person that was looked at")

    @model_validator(mode="after")
    def _names_a_dry_run(self) -> Self:
        if self.dry_run is (self.dry_run_id is not None):
            raise ValueError("Ask for a dry run, or name the one that was looked at as `dry_run_id`")
        return self


class AskedBy(Answer):
    """Who asked."""

    kind: Literal["person", "service_key", "operator", "system"]
    id: UUID | None = Field(description="An account or a service key; null for others, and when they were erased")
    name: str | None = Field(description="What others are called")


class Backup(Answer):
    """A back-up that still holds what was erased."""

    backup: Shown
    restores_to: datetime
    until: str


class Receipt(Answer):
    """What was removed, when and for whom; it names nobody."""

    erasure: UUID
    subject_hashes: list[Shown] = Field(description="The person's addresses, hashed by a key of the tenant")
    counts: Stores = Field(description="Rows removed or changed, by table, and objects")
    stores: Stores = Field(description="The same by store")
    backups: list[Backup]
    requested_at: datetime
    finished_at: datetime
    sha256: Shown = Field(description="Hash of the receipt; the audit log holds it too")


class Erasure(Answer):
    """An erasure or a dry run, without the person."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ERASURE_EXAMPLE]})

    id: UUID = Field(description="Also the id of its job")
    kind: Literal["person", "tenant"]
    dry_run: bool
    dry_run_id: UUID | None = Field(description="The dry run that it keeps to; null for those of the command line")
    state: ErasureState
    stores: Stores | None = Field(description="What was or would be removed, by store; null before it has ended")
    receipt: Receipt | None = Field(description="Null for a dry run, and before it is done")
    error: str = Field(description="Why it failed, or waits, in words")
    asked_by: AskedBy
    requested_at: datetime
    finished_at: datetime | None


class ErasureParameters(PageParameters):
    """A page of erasures."""

    dry_run: bool | None = Field(None, description="Only dry runs, or only erasures")


class ErasurePage(Answer):
    """A page of erasures, latest first."""

    items: list[Erasure]
    next_cursor: NextCursor
