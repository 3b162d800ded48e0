"""What a queue must give, whatever carries it: accepted means kept; handed out until acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable
from uuid import UUID

import psycopg

PARTITION_DIRTY = "partition.dirty"
"""Topic: a partition of a tenant has something to do. Payload: {"day": ISO date, "reason": text,
"first_stage": the stage that its work begins at}."""

CHANNEL = "opsintel_work"
"""NOTIFY channel that wakes the worker: the outbox or the queue in PostgreSQL has something new."""

DELIVERY_LIMIT = 10
"""How often a delivery may come back before it is a dead letter: it is handed out once more than this."""

QUEUE_PAGE = 500
"""Announcements that are published, and handed out, together; a queue with as many waiting takes no further page."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An outbox row on its way: ids only, never content."""

    tenant_id: UUID
    id: UUID
    topic: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a queue hands out: the bytes as they came, unread."""

    token: tuple[Any, ...]
    """By which the queue that handed it out knows it."""

    body: bytes
    attempts: int
    """How often it was handed out before without being acknowledged."""


class Queue(Protocol):
    """At least once, in any order; the consumer removes doubles by id. For one thread, closed at its end."""

    def publish(self, announcements: Sequence[Announcement]) -> None:
        """Return once all are durable; raise `UnavailableError` when that is not known."""
        ...

    def has_room(self) -> bool:
        """Tell whether less than a page waits to be handed out: what waits longer does so in the outbox."""
        ...

    def receive(self, limit: int) -> list[Delivery]:
        """Return up to `limit` deliveries, leased to the caller; empty when there are none.

        What is neither acknowledged nor rejected comes again: after the lease, or when the consumer is gone.
        """
        ...

    def receive_dead(self) -> Delivery | None:
        """Return a delivery that came back more often than `DELIVERY_LIMIT`; its attempts are counted anew."""
        ...

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Remove what was received and is now durable elsewhere."""
        ...

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        """Give back what could not be consumed: it comes again until the limit, then it is a dead letter."""
        ...

    def close(self) -> None:
        """Let go of what was received and not acknowledged, and of any connection."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class TransactionalQueue(Queue, Protocol):
    """A queue in the same database as the ledger: what is taken is gone when it is entered, in one transaction."""

    def take(self, connection: psycopg.Connection, limit: int) -> list[Delivery]:
        """Remove up to `limit` announcements in the caller's transaction and return them.

        Empty when there are none, and when the next ones are to be received instead: a consumer that dies over what it
        takes leaves no trace of it, so what may have killed one is leased.
        """
        ...
