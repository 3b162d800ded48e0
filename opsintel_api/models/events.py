"""What changed since somebody looked."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from opsintel_api.masking import Shown
from opsintel_api.models.common import Answer


class Change(Answer):
    """That something changed; read it again to see how."""

    kind: Literal["ready", "figures", "sources", "alerts", "issue", "job", "reload"] = Field(
        description="`figures`: issues, messages and counts; `ready`: nothing was missed; `reload`: something was"
    )
    id: UUID | None = Field(description="Which issue or job; null for all others")


class Changes(Answer):
    """Where one stands, and whether anything changed since `Last-Event-ID`."""

    last_event_id: Annotated[Shown, Field(description="To be sent as `Last-Event-ID` the next time")]
    items: list[Change]
