"""The two queues, and what a test has to do behind each one's back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.queue.contract import DELIVERY_LIMIT, PARTITION_DIRTY, Announcement, Delivery, Queue
from opsintel.queue.postgres import PostgresQueue
from opsintel.queue.rabbitmq import RabbitQueue

LOOKS = 200
"""How often a test looks for what is on its way; each look of an empty broker takes a moment."""


class Kind(Protocol):
    """A kind of queue."""

    database: Database

    def open(self) -> Queue:
        """Return another consumer and publisher of the same queue."""
        ...

    def consumer_dies(self, queue: Queue) -> None:
        """Give back what a consumer held, as when its process is gone."""
        ...


@dataclass
class InPostgres:
    """The queue in PostgreSQL."""

    database: Database

    def open(self) -> Queue:
        return PostgresQueue(self.database)

    def consumer_dies(self, queue: Queue) -> None:
        with self.database.system_tx() as connection:
            connection.execute("UPDATE queue_message SET available_at = now()")


@dataclass
class InRabbit:
    """The queue in RabbitMQ."""

    database: Database
    url: str

    def open(self) -> Queue:
        return RabbitQueue(self.url)

    def consumer_dies(self, queue: Queue) -> None:
        queue.close()


def announcement(tenant_id: UUID, **payload: object) -> Announcement:
    """Return an announcement as the outbox has them; `payload` changes it."""
    fields = {"version": 1, "day": "2026-11-01", "reason": "import"} | payload
    return Announcement(tenant_id, new_id(), PARTITION_DIRTY, fields)


def received(queue: Queue, count: int) -> list[Delivery]:
    """Return what a queue hands out once that is so many."""
    for _ in range(LOOKS):
        if len(deliveries := queue.receive(count)) == count:
            return deliveries
    raise AssertionError(f"{len(deliveries)} deliveries, not {count}")


def received_dead(queue: Queue) -> Delivery:
    """Return a dead letter once there is one."""
    for _ in range(LOOKS):
        if (delivery := queue.receive_dead()) is not None:
            return delivery
    raise AssertionError("no dead letter")


def reject_until_dead(queue: Queue, count: int = 1) -> None:
    """Reject all of so many deliveries as often as it takes."""
    for attempt in range(DELIVERY_LIMIT + 1):
        deliveries = received(queue, count)
        assert {delivery.attempts for delivery in deliveries} == {attempt}
        queue.reject(deliveries)
