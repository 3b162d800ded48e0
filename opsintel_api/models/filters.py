"""Filters that a tenant keeps, and what one would select."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from opsintel.filters.saved import NAME_LIMIT
from opsintel.filters.syntax import MAXIMUM_LENGTH
from opsintel_api.masking import Person, Shown, ShownTree
from opsintel_api.models.common import Answer, NextCursor, Parameters

Text = Annotated[str, Field(max_length=MAXIMUM_LENGTH, description="As text, e.g. from:@shop.example -label:spam")]
Tree = Annotated[dict[str, Any], Field(description='As a tree: {"version": 1, "tree": {"op": …}}')]

ID = "01993c5e-7c00-7000-8000-000000000011"
TEXT = "from:@shop.example -label:spam"
TREE: dict[str, Any] = {
    "version": 1,
    "tree": {
        "op": "and",
        "parts": [
            {"op": "words", "field": "from", "text": "@shop.example"},
            {"op": "not", "part": {"op": "named", "field": "label", "value": "spam"}},
        ],
    },
}
FILTER_EXAMPLE: dict[str, Any] = {
    "id": ID,
    "name": "Customers only",
    "version": 2,
    "text": TEXT,
    "tree": TREE,
    "created_by": "01993c5e-7c00-7000-8000-000000000002",
    "service_key_id": None,
    "created_at": "2026-11-22T09:00:00Z",
    "changed_at": "2026-11-22T10:00:00Z",
    "archived_at": None,
    "sources": [
        {"id": "01993c5e-7c00-7000-8000-000000000003", "name": "Support", "version": 2, "needs_backfill": False}
    ],
}
PREVIEW_EXAMPLE: dict[str, Any] = {
    "text": TEXT,
    "tree": TREE,
    "messages": 412,
    "messages_per_day": 13.73,
    "cost_usd_per_month": None,
    "samples": [
        {
            "id": "01993c5e-7c00-7000-8000-000000000004",
            "subject": "Wrong tax on invoice 4417",
            "snippet": "The invoice of this month shows 19 %",
            "author": "Ana Silva",
            "occurred_at": "2026-11-22T17:40:00Z",
        }
    ],
    "providers": [
        {
            "kind": "imap",
            "sources": 1,
            "exactness": "superset",
            "not_pushed": [{"term": "-label:spam", "reason": "a server of IMAP has no labels"}],
        }
    ],
}


class Filter(Parameters):
    """What a filter says: text or tree, one of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": TEXT}]})

    text: Text | None = None
    tree: Tree | None = None


class FilterRequest(Filter):
    """A filter to be kept, by its name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Customers", "text": TEXT}]})

    name: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT, description="As people call it")]


class SourceOfFilter(Answer):
    """A source that goes by a filter."""

    id: UUID
    name: str
    version: int = Field(description="Version in force there")
    needs_backfill: bool = Field(description="Whether it selects messages that the provider was never asked for")


class KeptFilter(Answer):
    """A filter as it is now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [FILTER_EXAMPLE]})

    id: UUID
    name: str
    version: int = Field(description="Number of its newest version")
    text: Shown
    tree: ShownTree
    created_by: UUID | None = Field(description="Person who made it; null for a service key or the operator")
    service_key_id: UUID | None = Field(description="Service key that made it")
    created_at: datetime
    changed_at: datetime = Field(description="When its newest version was written")
    archived_at: datetime | None = Field(description="When it was put away; null while it is there")
    sources: list[SourceOfFilter] = Field(description="Sources that go by it")


class KeptFilterPage(Answer):
    """A page of filters, by name."""

    items: list[KeptFilter]
    next_cursor: NextCursor


class FilterVersion(Answer):
    """What a filter said."""

    version: int
    text: Shown
    created_by: UUID | None
    service_key_id: UUID | None
    created_at: datetime


class FilterDetail(KeptFilter):
    """A filter with all of its versions, the newest first."""

    versions: list[FilterVersion]


class ChangedFilter(FilterDetail):
    """A filter that was changed just now."""

    jobs: list[UUID] = Field(description="By which the sources that go by it select anew what is stored")


class TermNotPushed(Answer):
    """A term that a provider does not evaluate: the product does."""

    term: Shown
    reason: Shown


class FilterAtProvider(Answer):
    """What providers of a kind evaluate of a filter."""

    kind: Shown
    sources: int = Field(description="The tenant's sources of this kind")
    exactness: Literal["exact", "superset", "local"] = Field(
        description="exact: the provider gives what is meant; superset: that and more; local: everything is read"
    )
    not_pushed: list[TermNotPushed]


class FilterSample(Answer):
    """A stored message that a filter selects."""

    id: UUID
    subject: str
    snippet: str
    author: Person | None
    occurred_at: datetime


class FilterPreview(Answer):
    """What a filter would select."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [PREVIEW_EXAMPLE]})

    text: Shown
    tree: ShownTree
    messages: int = Field(description="Stored messages of the last 30 days that it selects")
    messages_per_day: float = Field(description="Messages to be expected")
    cost_usd_per_month: float | None = Field(description="Null while no price of a model is known")
    samples: list[FilterSample] = Field(description="The latest of them, 20 at most")
    providers: list[FilterAtProvider] = Field(description="By kind of the tenant's sources")
