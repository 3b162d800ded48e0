"""The queue in RabbitMQ: confirmed publishing, deliveries until they are acknowledged, reconnection when next used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opsintel.closing import Closing
from opsintel.errors import UnavailableError
from opsintel.queue.broker import CONNECT_SECONDS, BrokerConnection
from opsintel.queue.contract import QUEUE_PAGE, Announcement, Delivery
from opsintel.queue.topology import DEAD, WORK
from opsintel.queue.wire import PROBE, encode

CONFIRM_SECONDS = 5.0
"""For a whole page. What is not confirmed by then counts as not published; the relay's claim outlasts it."""

ARRIVAL_SECONDS = 0.05
"""How long an empty queue is listened to."""

LULL_SECONDS = 0.005
"""Deliveries of a page come closer together than this."""


class RabbitQueue(Closing):
    """Implements `Queue` on RabbitMQ. The token of a delivery is its connection, counted, and its tag there.

    What was handed out and neither acknowledged nor rejected is handed out again while the connection stands: that a
    consumer's database is away counts as no attempt.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: BrokerConnection | None = None
        self._connections = 0
        self._work: dict[int, Delivery] = {}
        self._dead: dict[int, Delivery] = {}
        self._consumes = False

    def publish(self, announcements: Sequence[Announcement]) -> None:
        """Return once the broker has stored all; `UnavailableError` when it did not say so in `CONFIRM_SECONDS`."""
        with self._connected() as connection:
            connection.publish(WORK, [encode(announcement) for announcement in announcements], CONFIRM_SECONDS)

    def has_room(self) -> bool:
        """Tell whether less than a page waits to be handed out."""
        with self._connected() as connection:
            return connection.waiting(WORK) < QUEUE_PAGE

    def receive(self, limit: int) -> list[Delivery]:
        """Return up to `limit` deliveries, the oldest first; waits `ARRIVAL_SECONDS` for the first of them."""
        with self._consuming() as connection:
            connection.run(lambda: bool(self._work), ARRIVAL_SECONDS)
            count = 0
            while count < len(self._work) < limit:
                count = len(self._work)
                connection.run(lambda: len(self._work) >= limit, LULL_SECONDS)
        return list(self._work.values())[:limit]

    def receive_dead(self) -> Delivery | None:
        """Return a dead letter; the broker sends one at a time."""
        with self._consuming() as connection:
            connection.run(lambda: bool(self._dead), LULL_SECONDS)
        return next(iter(self._dead.values()), None)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Remove the deliveries; one whose connection is gone comes again, and its double is dropped by its id."""
        self._settle(deliveries, requeue=False)

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        """Give the deliveries back."""
        self._settle(deliveries, requeue=True)

    def _settle(self, deliveries: Sequence[Delivery], *, requeue: bool) -> None:
        tags = [d.token[1] for d in deliveries if d.token[0] == self._connections]
        for tag in tags:
            self._work.pop(tag, None)
            self._dead.pop(tag, None)
        if tags and self._connection is not None:
            with self._connected() as connection:
                connection.settle(tags, requeue=requeue)

    @contextmanager
    def _connected(self) -> Iterator[BrokerConnection]:
        """Yield the connection, opened anew when there is none; one that failed is let go of."""
        if self._connection is None:
            self._connection = BrokerConnection(self._url)
            self._connections += 1
        try:
            yield self._connection
        except UnavailableError:
            self.close()
            raise

    @contextmanager
    def _consuming(self) -> Iterator[BrokerConnection]:
        """Yield the connection once it consumes: one that only publishes takes nothing from the others."""
        with self._connected() as connection:
            if not self._consumes:
                connection.consume(WORK, QUEUE_PAGE, lambda *came: self._arrived(self._work, *came))
                connection.consume(DEAD, 1, lambda *came: self._arrived(self._dead, *came))
                self._consumes = True
            yield connection

    def _arrived(self, where: dict[int, Delivery], tag: int, body: bytes, attempts: int) -> None:
        where[tag] = Delivery((self._connections, tag), body, attempts)

    def close(self) -> None:
        """Close the connection; the broker gives what was not acknowledged to another consumer."""
        connection, self._connection = self._connection, None
        self._work, self._dead, self._consumes = {}, {}, False
        if connection is not None:
            connection.close()


def declare_queues(url: str) -> None:
    """Declare the queues; `UnavailableError` when the broker does not answer, or has others of the same name."""
    BrokerConnection(url).close()


def probe(url: str, seconds: float = CONNECT_SECONDS) -> None:
    """Publish to the queue of work and return once that is confirmed; `UnavailableError` when it is not.

    A queue without a leader is declared and counted without complaint, and confirms nothing.
    """
    connection = BrokerConnection(url, seconds)
    try:
        connection.publish(WORK, [PROBE], seconds)
    finally:
        connection.close()
