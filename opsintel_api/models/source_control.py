"""Sources as people connect and change them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr

from opsintel.sources.connect import FASTEST_POLL, NAME_LIMIT
from opsintel.sources.errands import Action
from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer, Day, Parameters

MAXIMUM_VALUE = 20_000
SLOWEST_POLL = 7 * 86_400

Name = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT, description="As people call it")]
Config = Annotated[dict[str, Any], Field(max_length=50, description="By the schema of its kind")]
GivenSecrets = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[SecretStr, Field(max_length=MAXIMUM_VALUE)]],
    Field(max_length=30, description="By the schema of its kind; sealed, and never shown again"),
]
Poll = Annotated[int, Field(ge=FASTEST_POLL, le=SLOWEST_POLL, description="Seconds between two reads")]

CONNECT_EXAMPLE: dict[str, Any] = {
    "kind": "imap",
    "name": "Support mailbox",
    "config": {"host": "imap.example.com", "user": "support@example.com"},
    "credential": {"password": "the app password"},
}
CHECK_EXAMPLE: dict[str, Any] = {
    "name": "log_in", "verdict": "passed", "required": True, "detail": "The server takes the password", "remedy": "",
}  # fmt: skip
DETAIL_EXAMPLE: dict[str, Any] = {
    "id": "01993c5e-7c00-7000-8000-000000000003",
    "kind": "imap",
    "name": "Support mailbox",
    "state": "active",
    "detail": "",
    "config": {"host": "imap.example.com", "user": "support@example.com"},
    "has_credential": True,
    "poll_seconds": 300,
    "created_at": "2026-11-22T09:00:00Z",
    "last_sync_at": "2026-11-22T18:00:00Z",
    "checks": [CHECK_EXAMPLE],
    "checked_at": "2026-11-22T09:00:05Z",
    "push_url": None,
    "authorize_url": None,
    "quarantined": 0,
    "filter": {
        "id": "01993c5e-7c00-7000-8000-000000000011",
        "name": "Customers only",
        "version": 2,
        "since": "2026-11-22T10:00:00Z",
    },
    "needs_backfill": False,
}


class SourceKind(Answer):
    """A kind of source that can be connected, as a form is made of it."""

    kind: Shown
    title: Shown
    summary: Shown
    config_schema: dict[str, Any] = Field(description="JSON Schema of its configuration")
    credential_schema: dict[str, Any] | None = Field(
        description="JSON Schema of its credential; fields with `secret` are never shown. Null: it has none"
    )
    oauth: bool = Field(description="Whether a person can let us in at the provider, with the operator's app")
    push_title: Shown = Field(description="What its pushes are called there; empty: none")
    poll_seconds: int | None = Field(description="How often it is read unless said otherwise")


class SourceKindList(Answer):
    """All kinds that can be connected."""

    items: list[SourceKind]


class SourceRequest(Parameters):
    """A source to be connected. Without a credential it waits to be authorised."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CONNECT_EXAMPLE]})

    kind: Annotated[str, Field(max_length=50)]
    name: Name
    config: Config = Field(default_factory=dict)
    credential: GivenSecrets | None = None
    poll_seconds: Poll | None = None


class SourceChange(Parameters):
    """What is to be otherwise; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"poll_seconds": 600}]})

    name: Name | None = None
    config: Config | None = None
    credential: GivenSecrets | None = None
    poll_seconds: Poll | None = None
    paused: bool | None = Field(None, description="Whether it is left alone until it is resumed")


class SourceCheck(Answer):
    """What was found of one thing a source needs."""

    name: Shown
    verdict: Literal["passed", "warning", "failed", "unknown"] = Field(description="unknown: it could not be asked")
    required: bool
    detail: str
    remedy: str


class ChosenFilter(Answer):
    """The filter that a source goes by."""

    id: UUID
    name: str
    version: int = Field(description="Version in force")
    since: datetime = Field(description="When it came into force: the ages that it names count from here")


class SourceDetail(Answer):
    """A source with its configuration; its credential is never shown."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [DETAIL_EXAMPLE]})

    id: UUID
    kind: Shown
    name: str
    state: Literal["active", "paused", "failing", "disabled"]
    detail: str = Field(description="Why it is in that state")
    config: dict[str, Any]
    has_credential: bool
    poll_seconds: int | None
    created_at: datetime
    last_sync_at: datetime | None
    checks: list[SourceCheck] = Field(description="As it was last checked")
    checked_at: datetime | None
    push_url: Shown | None = Field(description="Where its provider sends pushes; null where it has none")
    authorize_url: Shown | None = Field(description="Page where a person lets us in again; null where nobody has to")
    quarantined: int = Field(description="Items that were set aside after many tries")
    filter: ChosenFilter | None = Field(description="What decides which of its messages are analysed; null: all are")
    needs_backfill: bool = Field(
        description="Whether the filter selects messages that the provider was never asked for: a backfill fetches them"
    )


class FilterOfSource(Parameters):
    """The filter that decides which messages of a source are analysed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"filter_id": "01993c5e-7c00-7000-8000-000000000011"}]}
    )

    filter_id: UUID | None = Field(description="Null: all are")


class ConnectedSource(SourceDetail):
    """A source that was made just now."""

    push_secret: Shown | None = Field(description="What pushes are proved with; shown this once. Null: it has none")


class BackfillOfSource(Parameters):
    """From which day on a source is filled."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"from": "2026-01-01"}]})

    from_: Day = Field(alias="from", description="First UTC day")


class EstimateParameters(Parameters):
    """Whether to fill, or only to count how much it would be."""

    estimate: bool = Field(False, description="Fetch nothing; the job's figures say how much it would be")


class SourceErrandOfJob(Answer):
    """What was asked of a source."""

    action: Action
    source_id: UUID
    from_: Day | None = Field(alias="from")
    filter_id: UUID | None = Field(None, description="Of `filter`: the filter that it is to go by; null: none")


class ProviderAddress(Answer):
    """Where a person lets us in."""

    location: Shown
