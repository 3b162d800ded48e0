"""What only a broker can do to us: die between publish and confirm, stop answering, refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from uuid import UUID

import pika
import pytest

from opsintel.db.engine import Database
from opsintel.errors import SettingError, UnavailableError
from opsintel.queue import broker as broker_module
from opsintel.queue import rabbitmq
from opsintel.queue.broker import BrokerConnection
from opsintel.queue.choose import open_queue
from opsintel.queue.consume import consume_once
from opsintel.queue.outbox import announce_days, relay_once
from opsintel.queue.postgres import PostgresQueue
from opsintel.queue.rabbitmq import RabbitQueue, declare_queues, probe
from opsintel.queue.topology import QUEUES, DeclaredQueue
from opsintel.settings import Settings
from tests.peers.rabbitmq import Broker
from tests.queue.kinds import announcement, received

DEADLINE = 60.0
OTHER = "opsintel.other"

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def queue(amqp_url: str) -> Iterator[RabbitQueue]:
    with RabbitQueue(amqp_url) as opened:
        yield opened


def announce(database: Database, tenant_id: UUID, days: int) -> None:
    with database.tenant_tx(tenant_id) as connection:
        announce_days(connection, tenant_id, [date(2026, 1, 1) + timedelta(days=n) for n in range(days)], "import")


def rows(database: Database, sql: str) -> list[tuple[object, ...]]:
    with database.system_tx() as connection:
        return connection.execute(sql).fetchall()


def noting(begun: threading.Event, publish: Callable[..., None]) -> Callable[..., None]:
    """Return `publish`, which says when its messages are on their way and it begins to wait."""

    def publish_and_note(self: BrokerConnection, *arguments: object) -> None:
        self._connection.ioloop.call_later(0.01, begun.set)
        publish(self, *arguments)

    return publish_and_note


class TestABrokerThatDies:
    def test_between_publish_and_confirm_loses_and_doubles_nothing(
        self, database: Database, tenant: UUID, broker: Broker, queue: RabbitQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        announce(database, tenant, 3)
        relay_once(database, queue)
        assert len(received(queue, 3)) == 3
        announce(database, tenant, 40)
        with broker.paused(), ThreadPoolExecutor() as pool:
            confirming = threading.Event()
            monkeypatch.setattr(BrokerConnection, "publish", noting(confirming, BrokerConnection.publish))
            monkeypatch.setattr(queue, "has_room", lambda: True)
            relay = pool.submit(relay_once, database, queue)
            assert confirming.wait(DEADLINE)
            broker.kill()
            with pytest.raises(UnavailableError, match="the connection was lost"):
                relay.result()
        monkeypatch.undo()
        with pytest.raises(UnavailableError, match="Connection refused"):
            relay_once(database, queue)
        broker.start()
        for _ in range(20):
            # A queue that has no leader yet confirms nothing: the worker's loop tries again as well.
            with suppress(UnavailableError):
                relay_once(database, queue)
                consume_once(database, queue)
            if not rows(database, "SELECT FROM outbox"):
                break
        assert rows(database, "SELECT count(*), count(DISTINCT id) FROM work") == [(43, 43)]
        assert rows(database, "SELECT count(*) FROM quarantine") == [(0,)]


class TestABrokerThatDoesNotAnswer:
    def test_costs_no_more_than_our_deadline_and_the_rows_wait(
        self, database: Database, tenant: UUID, broker: Broker, queue: RabbitQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rabbitmq, "CONFIRM_SECONDS", 0.2)
        queue.publish([announcement(tenant)])
        with broker.paused(), pytest.raises(UnavailableError, match="did not confirm within") as refused:
            queue.publish([announcement(tenant)])
        assert "AMQP_URL" in refused.value.remedy
        queue.publish([announcement(tenant)])


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "line"),
        [
            (("guest:guest", "guest:hunter2"), "refuses the login. Check user and password in AMQP_URL"),
            (("guest:guest", "hunter2:x"), "refuses the login. Check user and password in AMQP_URL"),
            (("/", "/nowhere"), "refuses the virtual host. Check its name"),
            (("127.0.0.1", "hunter2.invalid"), "cannot be reached ("),
        ],
    )
    def test_are_one_line_with_a_remedy_and_without_the_password(
        self, amqp_url: str, change: tuple[str, str], line: str
    ) -> None:
        head, _, tail = amqp_url.rpartition(change[0])
        with pytest.raises(UnavailableError) as refused:
            declare_queues(f"{head}{change[1]}{tail}")
        assert line in refused.value.line()
        assert "\n" not in refused.value.line()
        assert ":hunter2" not in refused.value.line()

    def test_a_queue_declared_otherwise_is_named_and_left_alone(
        self, amqp_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(broker_module, "QUEUES", (DeclaredQueue(OTHER, QUEUES[0].arguments),))
        with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
            connection.channel().queue_declare(OTHER, durable=True)
            with pytest.raises(UnavailableError, match=OTHER) as refused:
                declare_queues(amqp_url)
            connection.channel().queue_delete(OTHER)
        assert "opsintel migrate" in refused.value.remedy

    def test_a_queue_that_is_not_there_confirms_nothing(
        self, queue: RabbitQueue, tenant: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rabbitmq, "WORK", OTHER)
        with pytest.raises(UnavailableError, match=f"has no queue {OTHER}"):
            queue.publish([announcement(tenant)])
        monkeypatch.undo()
        queue.publish([announcement(tenant)])

    def test_an_address_that_is_none_names_the_setting(self) -> None:
        with pytest.raises(SettingError, match="AMQP_URL"):
            declare_queues("amqp://host/?heartbeat=often")


class TestHandingOut:
    def test_while_our_database_is_away_costs_no_attempt(self, queue: RabbitQueue, tenant: UUID) -> None:
        queue.publish([announcement(tenant)])
        assert [received(queue, 1) for _ in range(3)] == [received(queue, 1)] * 3


class TestTopology:
    def test_is_legal_for_every_version(self) -> None:
        for queue in QUEUES:
            assert queue.arguments["x-queue-type"] == "quorum"
            assert queue.arguments["x-delivery-limit"] > 0

    def test_declared_again_changes_nothing(self, amqp_url: str, queue: RabbitQueue, tenant: UUID) -> None:
        queue.publish([announcement(tenant)])
        declare_queues(amqp_url)
        assert len(received(queue, 1)) == 1

    def test_a_probe_is_confirmed_and_enters_no_ledger(
        self, database: Database, amqp_url: str, queue: RabbitQueue, tenant: UUID
    ) -> None:
        probe(amqp_url)
        assert len(received(queue, 1)) == 1
        assert consume_once(database, queue) == 1
        assert rows(database, "SELECT (SELECT count(*) FROM work) + (SELECT count(*) FROM quarantine)") == [(0,)]


class TestChoice:
    def test_follows_the_setting(self, settings: Settings, database: Database, amqp_url: str) -> None:
        assert isinstance(open_queue(settings, database), PostgresQueue)
        with_broker = settings.model_copy(update={"amqp_url": amqp_url})
        with open_queue(with_broker, database) as chosen:
            assert isinstance(chosen, RabbitQueue)
