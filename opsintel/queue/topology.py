"""The queues in RabbitMQ: one for work, one for dead letters. Legal for RabbitMQ 3.10 to 4.x.

Durable quorum queues on the default exchange, each with its own delivery limit: without one, versions before 4
redeliver for ever and later ones drop after 20. Declaring them again changes nothing; nothing here deletes a queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsintel.queue.contract import DELIVERY_LIMIT

WORK = "opsintel.work"
DEAD = "opsintel.dead"

NEVER = 1_000_000_000
"""Delivery limit of the dead letters: beyond one they would be dropped."""


@dataclass(frozen=True, slots=True)
class DeclaredQueue:
    """A queue and the arguments it is declared with; a broker refuses other arguments for the same name."""

    name: str
    arguments: dict[str, Any]


QUEUES = (
    DeclaredQueue(DEAD, {"x-queue-type": "quorum", "x-delivery-limit": NEVER}),
    DeclaredQueue(
        WORK,
        {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": DEAD,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    ),
)
"""In the order in which they are declared: the target of dead letters first."""
