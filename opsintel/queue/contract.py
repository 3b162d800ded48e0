"""What a queue must give, whatever carries it: accepted means kept; handed out until acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

PARTITION_DIRTY = "partition.dirty"
"""Topic: a partition of a tenant has something to do. Payload: {"day": ISO date, "reason": text}."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An outbox row on its way: ids only, never content."""

    tenant_id: UUID
    id: UUID
    topic: str
    payload: dict[str, Any]


class Queue(Protocol):
    """At least once, in any order; the consumer removes doubles by id."""

    def publish(self, announcements: Sequence[Announcement]) -> None:
        """Return once all are durable; raise `UnavailableError` when that is not known."""
        ...

    def receive(self, limit: int) -> list[Announcement]:
        """Return up to `limit` announcements, leased to the caller; empty when there are none."""
        ...

    def acknowledge(self, announcements: Sequence[Announcement]) -> None:
        """Remove what was received and is now durable elsewhere."""
        ...
