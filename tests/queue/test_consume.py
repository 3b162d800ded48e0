"""Whatever arrives, the ledger gets what it can use, and the rest is quarantined with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.errors import NotFoundError
from opsintel.ids import new_id
from opsintel.queue import quarantine
from opsintel.queue.consume import consume_once
from opsintel.queue.contract import DELIVERY_LIMIT, Announcement, Queue
from opsintel.queue.outbox import relay_once
from opsintel.queue.wire import PROBE, RefusedError, decode, encode
from tests.queue.kinds import LOOKS, Kind, announcement, received

UNUSABLE = [
    ({"day": "tomorrow"}, "malformed"),
    ({"day": 7}, "malformed"),
    ({"reason": None}, "malformed"),
    ({"reason": "two\nlines"}, "malformed"),
    ({"reason": "x" * 201}, "malformed"),
    ({"version": "one"}, "malformed"),
    ({"version": 2, "span": "2026"}, "newer_version"),
]
BYTES = [
    (b"", "malformed"),
    (b"\xff\xfe{", "malformed"),
    (b"[" * 15_000, "malformed"),
    (b"[1]", "malformed"),
    (b'{"id": 1}', "malformed"),
    (b'{"tenant_id": "x", "id": "y"}', "malformed"),
    (b'{"n": ' + b"9" * 9_000 + b"}", "malformed"),
    (b" " * 17_000, "too_large"),
]


def put(database: Database, *announcements: Announcement) -> None:
    """Write outbox rows."""
    with database.system_tx() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO outbox (tenant_id, id, topic, payload) VALUES (%s, %s, %s, %s)",
            [(a.tenant_id, a.id, a.topic, psycopg.types.json.Jsonb(a.payload)) for a in announcements],
        )


def settle(database: Database, queue: Queue) -> None:
    """Relay and consume until nothing of the outbox is left, nor of the queue."""
    for _ in range(LOOKS):
        relay_once(database, queue)
        if not consume_once(database, queue) and not count(database, "outbox"):
            return
    raise AssertionError("something does not come to rest")


def count(database: Database, table: str) -> int:
    with database.system_tx() as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def reasons(database: Database) -> list[str]:
    return [entry.reason for entry in quarantine.entries(database, 100)]


@pytest.fixture
def ledger_that_refuses(admin_url: str) -> Iterator[None]:
    """A ledger whose database refuses work for the reason `poison`."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE work ADD CONSTRAINT no_poison CHECK (reason <> 'poison')")
        yield
        connection.execute("ALTER TABLE work DROP CONSTRAINT IF EXISTS no_poison")


class TestWhatCannotBeRead:
    @pytest.mark.parametrize(("payload", "reason"), UNUSABLE, ids=str)
    def test_is_quarantined_and_the_rest_flows(
        self, database: Database, queue: Queue, tenant: UUID, payload: dict[str, object], reason: str
    ) -> None:
        put(database, announcement(tenant), announcement(tenant, **payload), announcement(tenant))
        settle(database, queue)
        assert count(database, "work") == 2
        (entry,) = quarantine.entries(database, 10)
        assert (entry.reason, entry.seen, entry.replayed_at) == (reason, 1, None)
        assert entry.tenant is not None

    def test_of_another_topic_waits_for_a_version_that_knows_it(
        self, database: Database, queue: Queue, tenant: UUID
    ) -> None:
        put(database, replace(announcement(tenant), topic="tenant.merged"))
        settle(database, queue)
        assert reasons(database) == ["newer_version"]

    def test_for_its_size_never_reaches_the_queue(self, database: Database, queue: Queue, tenant: UUID) -> None:
        put(database, announcement(tenant, padding="x" * 20_000), announcement(tenant))
        settle(database, queue)
        assert (reasons(database), count(database, "work")) == (["too_large"], 1)

    @pytest.mark.parametrize(("body", "reason"), BYTES, ids=lambda part: str(part)[:12])
    def test_is_refused_with_a_reason_whatever_the_bytes(self, body: bytes, reason: str) -> None:
        with pytest.raises(RefusedError) as refused:
            decode(body)
        assert refused.value.reason == reason

    def test_counts_on_one_entry_when_it_comes_again(self, database: Database, queue: Queue, tenant: UUID) -> None:
        broken = announcement(tenant, day="never")
        for _ in range(2):
            put(database, broken)
            settle(database, queue)
        assert [entry.seen for entry in quarantine.entries(database, 10)] == [2]

    def test_goes_with_its_tenant(self, database: Database, queue: Queue, tenant: UUID) -> None:
        put(database, announcement(tenant, day="never"))
        settle(database, queue)
        with database.system_tx() as connection:
            connection.execute("DELETE FROM tenant WHERE id = %s", (tenant,))
        assert quarantine.entries(database, 10) == []


class TestATenantThatIsGone:
    def test_with_work_waiting_leaves_nothing_stuck(self, database: Database, queue: Queue, tenant: UUID) -> None:
        put(database, announcement(tenant), announcement(tenant))
        relay_once(database, queue)
        put(database, announcement(tenant))
        with database.system_tx() as connection:
            connection.execute("DELETE FROM tenant WHERE id = %s", (tenant,))
        settle(database, queue)
        assert queue.receive(10) == []
        assert (count(database, "work"), count(database, "outbox")) == (0, 0)
        assert set(reasons(database)) <= {"unknown_tenant"}


class TestPoison:
    def test_is_quarantined_after_the_limit_and_the_rest_flows(
        self, database: Database, queue: Queue, tenant: UUID, ledger_that_refuses: None
    ) -> None:
        put(database, announcement(tenant), announcement(tenant, reason="poison"), announcement(tenant))
        settle(database, queue)
        assert count(database, "work") == 2
        (entry,) = quarantine.entries(database, 10)
        assert (entry.reason, entry.detail) == ("poison", "The ledger refuses it: CheckViolation 23514")

    def test_does_not_take_those_along_that_died_with_it(
        self, database: Database, kind: Kind, queue: Queue, tenant: UUID, ledger_that_refuses: None
    ) -> None:
        put(database, announcement(tenant), announcement(tenant, reason="poison"), announcement(tenant))
        relay_once(database, queue)
        for _ in range(DELIVERY_LIMIT + 1):
            received(queue, 3)
            kind.consumer_dies(queue)
        settle(database, queue)
        assert (count(database, "work"), reasons(database)) == (2, ["poison"])

    def test_that_kills_its_consumer_each_time_is_quarantined_unread(
        self, database: Database, kind: Kind, queue: Queue, tenant: UUID
    ) -> None:
        put(database, announcement(tenant))
        relay_once(database, queue)
        for _ in range(DELIVERY_LIMIT + 1):
            received(queue, 1)
            kind.consumer_dies(queue)
        for _ in range(LOOKS):
            if queue.receive_dead() is not None:
                break
        kind.consumer_dies(queue)
        settle(database, queue)
        assert (count(database, "work"), reasons(database)) == (0, ["poison"])


class TestReplay:
    def test_of_what_is_mended_goes_its_way(
        self, database: Database, queue: Queue, tenant: UUID, admin_url: str, ledger_that_refuses: None
    ) -> None:
        put(database, announcement(tenant, reason="poison"))
        settle(database, queue)
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("ALTER TABLE work DROP CONSTRAINT no_poison")
        (waiting,) = quarantine.waiting(database)
        assert quarantine.replay(database, waiting).refused is None
        settle(database, queue)
        assert count(database, "work") == 1
        assert quarantine.entries(database, 10) == []
        assert len(quarantine.entries(database, 10, replayed=True)) == 1

    def test_twice_is_one_entry_of_the_ledger(self, database: Database, queue: Queue, tenant: UUID) -> None:
        stored = announcement(tenant)
        with database.system_tx() as connection:
            quarantine.store(connection, [(RefusedError("poison", "Its consumers died"), encode(stored))])
        (waiting,) = quarantine.waiting(database)
        for _ in range(2):
            assert quarantine.replay(database, waiting).refused is None
            settle(database, queue)
        assert count(database, "work") == 1

    def test_of_what_still_cannot_be_read_leaves_it_where_it_is(self, database: Database, tenant: UUID) -> None:
        newer = announcement(tenant, version=2)
        with database.system_tx() as connection:
            quarantine.store(connection, [(RefusedError("newer_version", "Version 2"), encode(newer))])
        (waiting,) = quarantine.waiting(database)
        assert "newer_version" in (quarantine.replay(database, waiting).refused or "")
        assert quarantine.waiting(database) == [waiting]

    def test_of_an_unknown_tenant_works_once_it_is_there(self, database: Database, tenant: UUID) -> None:
        absent = uuid4()
        with database.system_tx() as connection:
            quarantine.store(connection, [(RefusedError("unknown_tenant", "-"), encode(announcement(absent)))])
        (waiting,) = quarantine.waiting(database)
        assert "unknown_tenant" in (quarantine.replay(database, waiting).refused or "")
        with database.system_tx() as connection:
            connection.execute("INSERT INTO tenant (id, slug, name) VALUES (%s, %s, 'x')", (absent, f"s-{absent.hex}"))
        assert quarantine.replay(database, waiting).refused is None
        assert count(database, "outbox") == 1

    def test_of_what_was_too_large_to_keep_says_so(self, database: Database, tenant: UUID) -> None:
        with database.system_tx() as connection:
            quarantine.store(connection, [(RefusedError("too_large", "-"), b"x" * 30_000)])
        (waiting,) = quarantine.waiting(database)
        assert "30,000 bytes" in (quarantine.replay(database, waiting).refused or "")

    def test_of_an_unknown_entry_is_an_error(self, database: Database, tenant: UUID) -> None:
        with pytest.raises(NotFoundError, match="no entry"):
            quarantine.replay(database, new_id())


@pytest.mark.rabbitmq
class TestStrangersInTheBroker:
    def test_are_quarantined_and_the_rest_flows(self, database: Database, tenant: UUID, amqp_url: str) -> None:
        from opsintel.queue.broker import BrokerConnection
        from opsintel.queue.rabbitmq import RabbitQueue
        from opsintel.queue.topology import WORK

        foreign = [body for body, _ in BYTES] + [encode(announcement(uuid4())), PROBE]
        stranger = BrokerConnection(amqp_url)
        stranger.publish(WORK, foreign, 30)
        stranger.close()
        put(database, announcement(tenant))
        with RabbitQueue(amqp_url) as queue:
            settle(database, queue)
        assert count(database, "work") == 1
        assert sorted(reasons(database)) == sorted([reason for _, reason in BYTES] + ["unknown_tenant"])
