"""What both queues promise: kept once published, handed out until acknowledged, dead after the limit."""

from __future__ import annotations

from uuid import UUID

from opsintel.queue.contract import QUEUE_PAGE, Queue
from opsintel.queue.wire import decode
from tests.queue.kinds import Kind, announcement, received, received_dead, reject_until_dead


class TestPublishing:
    def test_what_was_published_is_handed_out_as_it_was(self, queue: Queue, tenant: UUID) -> None:
        published = [announcement(tenant, reason=f"import {number}") for number in range(3)]
        queue.publish(published)
        assert {a.id: a for a in map(decode, (d.body for d in received(queue, 3)))} == {a.id: a for a in published}

    def test_it_outlives_its_publisher(self, kind: Kind, tenant: UUID) -> None:
        with kind.open() as publisher:
            publisher.publish([announcement(tenant)])
        with kind.open() as consumer:
            assert [delivery.attempts for delivery in received(consumer, 1)] == [0]

    def test_an_empty_page_is_no_error(self, queue: Queue, tenant: UUID) -> None:
        queue.publish([])
        queue.acknowledge([])
        queue.reject([])
        assert queue.receive(10) == []
        assert queue.receive_dead() is None


class TestRoom:
    def test_ends_with_a_page_that_waits_and_comes_back(self, kind: Kind, tenant: UUID) -> None:
        with kind.open() as publisher, kind.open() as consumer:
            publisher.publish([announcement(tenant) for _ in range(QUEUE_PAGE - 1)])
            assert publisher.has_room()
            publisher.publish([announcement(tenant)])
            assert not publisher.has_room()
            consumer.acknowledge(received(consumer, QUEUE_PAGE))
            assert publisher.has_room()


class TestAcknowledging:
    def test_removes_what_was_received_and_nothing_else(self, kind: Kind, queue: Queue, tenant: UUID) -> None:
        queue.publish([announcement(tenant), announcement(tenant)])
        first, second = received(queue, 2)
        queue.acknowledge([first])
        kind.consumer_dies(queue)
        (again,) = received(queue, 1)
        assert (again.body, again.attempts) == (second.body, 1)

    def test_after_the_consumer_was_given_up_harms_nothing(self, kind: Kind, queue: Queue, tenant: UUID) -> None:
        queue.publish([announcement(tenant)])
        late = received(queue, 1)
        kind.consumer_dies(queue)
        with kind.open() as other:
            queue.acknowledge(late)
            other.acknowledge(other.receive(1))
            assert other.receive(1) == []


class TestComingBack:
    def test_what_a_dead_consumer_held_comes_to_another(self, kind: Kind, queue: Queue, tenant: UUID) -> None:
        queue.publish([announcement(tenant)])
        (held,) = received(queue, 1)
        kind.consumer_dies(queue)
        with kind.open() as other:
            assert [d.body for d in received(other, 1)] == [held.body]

    def test_two_consumers_never_hold_the_same(self, kind: Kind, tenant: UUID) -> None:
        with kind.open() as one, kind.open() as other:
            one.publish([announcement(tenant) for _ in range(10)])
            held = [delivery.body for delivery in one.receive(10) + other.receive(10)]
            assert len(held) == len(set(held))

    def test_beyond_the_limit_it_is_a_dead_letter_and_delays_nobody(self, queue: Queue, tenant: UUID) -> None:
        poison, healthy = announcement(tenant), announcement(tenant)
        queue.publish([poison])
        reject_until_dead(queue)
        queue.publish([healthy])
        assert decode(received(queue, 1)[0].body) == healthy
        dead = received_dead(queue)
        assert (decode(dead.body), dead.attempts) == (poison, 0)
        queue.acknowledge([dead])
        assert queue.receive_dead() is None

    def test_a_dead_letter_whose_consumer_died_says_so(self, kind: Kind, queue: Queue, tenant: UUID) -> None:
        queue.publish([announcement(tenant)])
        reject_until_dead(queue)
        received_dead(queue)
        kind.consumer_dies(queue)
        assert received_dead(queue).attempts == 1
