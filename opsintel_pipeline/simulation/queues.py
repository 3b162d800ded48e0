"""The two queues as a simulation has them: a broker in memory that may do all that brokers do, and PostgreSQL's own.

Both tell what a watcher needs: what was confirmed, and what is being acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from opsintel.closing import Closing
from opsintel.errors import UnavailableError
from opsintel.queue.contract import DELIVERY_LIMIT, QUEUE_PAGE, Announcement, Delivery
from opsintel.queue.postgres import PostgresQueue
from opsintel.queue.wire import encode
from opsintel_pipeline.simulation.script import FaultyDatabase, Script

REFUSED, UNHEARD, DOUBLED = 0.15, 0.15, 0.1
"""How likely a page is not stored, is stored without its confirm being heard, a message is stored twice."""

Name = tuple[UUID, UUID]


@dataclass
class Watch:
    """What the watcher of both queues is told."""

    script: Script
    acknowledged: Callable[[Sequence[bytes]], None]
    confirmed: set[Name] = field(default_factory=set)

    def confirm(self, announcements: Sequence[Announcement]) -> None:
        """Note what a queue has confirmed."""
        self.confirmed.update((a.tenant_id, a.id) for a in announcements)


@dataclass
class _Stored:
    body: bytes
    attempts: int = 0


@dataclass
class SimulatedBroker:
    """The server: what waits, what is handed out by connection, and dead letters."""

    watch: Watch
    ready: list[_Stored] = field(default_factory=list)
    dead: list[_Stored] = field(default_factory=list)
    generation: int = 0

    def restart(self, *, without_disk: bool) -> None:
        """Drop every connection; without its disk everything stored is gone as well."""
        self.generation += 1
        if without_disk:
            self.ready.clear()
            self.dead.clear()

    def store(self, announcements: Sequence[Announcement]) -> None:
        """Store messages, some of them twice."""
        script = self.watch.script
        for announcement in sorted(announcements, key=lambda a: a.id):
            body = encode(announcement)
            self.ready += [_Stored(body) for _ in range(2 if script.happens(DOUBLED) else 1)]

    def give_back(self, stored: _Stored, *, dead: bool) -> None:
        """Count a delivery that was not acknowledged; past the limit it is a dead letter."""
        stored.attempts += 1
        if dead:
            self.dead.append(stored)
        elif stored.attempts > DELIVERY_LIMIT:
            self.dead.append(_Stored(stored.body))
        else:
            self.ready.append(stored)


class SimulatedQueue(Closing):
    """A connection to the simulated broker; implements `Queue`."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker
        self._script = broker.watch.script
        self._generation = broker.generation
        self._work: dict[int, _Stored] = {}
        self._dead: dict[int, _Stored] = {}
        self._tag = 0

    def publish(self, announcements: Sequence[Announcement]) -> None:
        """Store all; the confirm, or the page itself, may be lost on the way."""
        self._connect()
        self._script.point("before publishing")
        if self._script.happens(REFUSED):
            self._broker.store(announcements[: len(announcements) // 2])
            self._script.fault("publish refused", f"{len(announcements)} announcements")
            raise UnavailableError("The broker refused")
        self._broker.store(announcements)
        if self._script.happens(UNHEARD):
            self._script.fault("confirm unheard", f"{len(announcements)} announcements")
            raise UnavailableError("The broker did not confirm")
        self._broker.watch.confirm(announcements)
        self._script.point("after publishing")

    def has_room(self) -> bool:
        """Tell whether less than a page waits."""
        self._connect()
        return len(self._broker.ready) < QUEUE_PAGE

    def receive(self, limit: int) -> list[Delivery]:
        """Hand out what waits, in any order."""
        self._connect()
        ready, self._broker.ready = self._broker.ready, []
        self._script.random.shuffle(ready)
        for stored in ready:
            self._tag += 1
            self._work[self._tag] = stored
        return [self._delivery(tag, stored) for tag, stored in self._work.items()][:limit]

    def receive_dead(self) -> Delivery | None:
        """Hand out one dead letter."""
        self._connect()
        if not self._dead and self._broker.dead:
            self._tag += 1
            self._dead[self._tag] = self._broker.dead.pop(0)
        return next((self._delivery(tag, stored) for tag, stored in self._dead.items()), None)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Remove deliveries of this connection."""
        self._script.point("before acknowledging")
        self._connect()
        held = [d for d in deliveries if d.token[0] == self._generation and d.token[1] in self._work | self._dead]
        self._broker.watch.acknowledged([d.body for d in held])
        for delivery in held:
            self._work.pop(delivery.token[1], None)
            self._dead.pop(delivery.token[1], None)
        self._script.point("after acknowledging")

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        """Give deliveries back."""
        self._connect()
        for delivery in deliveries:
            for held, dead in ((self._work, False), (self._dead, True)):
                if (stored := held.pop(delivery.token[1], None)) is not None:
                    self._broker.give_back(stored, dead=dead)

    def close(self) -> None:
        """Lose the connection: what it held is handed out again, and that counts as a try."""
        for held, dead in ((self._work, False), (self._dead, True)):
            for stored in held.values():
                self._broker.give_back(stored, dead=dead)
            held.clear()

    def _connect(self) -> None:
        if self._generation == self._broker.generation:
            return
        self.close()
        self._generation = self._broker.generation
        raise UnavailableError("The broker cut the connection")

    def _delivery(self, tag: int, stored: _Stored) -> Delivery:
        return Delivery((self._generation, tag), stored.body, stored.attempts)


class WatchedPostgresQueue(PostgresQueue):
    """The product's queue in PostgreSQL, watched."""

    def __init__(self, database: FaultyDatabase, watch: Watch) -> None:
        super().__init__(database)
        self._watch = watch

    def publish(self, announcements: Sequence[Announcement]) -> None:
        """Publish, and tell the watcher once that is durable."""
        super().publish(announcements)
        self._watch.confirm(announcements)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the watcher, then acknowledge."""
        self._watch.script.point("before acknowledging")
        self._watch.acknowledged([delivery.body for delivery in deliveries])
        super().acknowledge(deliveries)
