"""Connections that are cut or held up on the way: the caller learns it in bounded time, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.errors import DatabaseError, UnavailableError
from opsintel.queue import rabbitmq
from opsintel.queue.consume import consume_once
from opsintel.queue.outbox import announce_days, relay_once
from opsintel.queue.postgres import PostgresQueue
from opsintel.queue.rabbitmq import RabbitQueue
from opsintel.tenants import create_tenant
from tests.peers.proxy import Proxy, proxies
from tests.queue.kinds import LOOKS

DAYS = [date(2026, 11, 1) + timedelta(days=number) for number in range(20)]


def behind(url: str) -> tuple[int, str]:
    """Return the port of an address, and the address with a place for another."""
    port = urlsplit(url).port
    assert port is not None
    return port, url.replace(f":{port}/", ":{port}/")


@pytest.fixture
def way(database_url: str) -> Iterator[Proxy]:
    with proxies(behind(database_url)[0]) as (made,):
        yield made


@pytest.fixture
def proxied(database_url: str, way: Proxy) -> Iterator[Database]:
    with Database(behind(database_url)[1].format(port=way.port), max_size=2) as opened:
        yield opened


@pytest.fixture
def tenant(database: Database) -> UUID:
    with database.system_tx() as connection:
        for table in ("work", "batch", "queue_message", "outbox", "quarantine"):
            connection.execute(f"DELETE FROM {table}")
    tenant_id = create_tenant(database, f"t-{uuid4().hex}", "T").id
    with database.tenant_tx(tenant_id) as connection:
        announce_days(connection, tenant_id, DAYS, "import")
    return tenant_id


def entries(database: Database) -> tuple[int, ...]:
    with database.system_tx() as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM outbox) FROM work")
        found = row.fetchone()
    assert found is not None
    return tuple(found)


def add_tenant_and_be_cut_off(database: Database, way: Proxy, slug: str) -> None:
    with database.system_tx() as connection:
        connection.execute("INSERT INTO tenant (id, slug, name) VALUES (%s, %s, 'T')", (uuid4(), slug))
        assert way.cut() >= 1
        connection.execute("SELECT 1")


class TestTheWayToTheDatabase:
    def test_cut_within_a_transaction_undoes_it(self, proxied: Database, way: Proxy, database: Database) -> None:
        name = f"t-{uuid4().hex}"
        with pytest.raises(DatabaseError, match="went away"):
            add_tenant_and_be_cut_off(proxied, way, name)
        with database.system_tx() as connection:
            assert connection.execute("SELECT count(*) FROM tenant WHERE slug = %s", (name,)).fetchone() == (0,)

    def test_cut_between_rounds_loses_and_doubles_nothing(
        self, proxied: Database, way: Proxy, database: Database, tenant: UUID
    ) -> None:
        queue = PostgresQueue(proxied)
        relay_once(proxied, queue)
        way.cut()
        for _ in range(LOOKS):
            try:
                if consume_once(proxied, queue):
                    break
            except (DatabaseError, psycopg.Error):
                continue
        assert entries(database) == (len(DAYS), len(DAYS), 0)

    def test_held_up_goes_on_where_it_was(self, proxied: Database, way: Proxy, database: Database) -> None:
        with proxied.system_tx() as connection:
            way.hold()
            way.release()
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.rabbitmq
class TestTheWayToTheBroker:
    def test_cut_at_any_step_loses_and_doubles_nothing(self, database: Database, tenant: UUID, amqp_url: str) -> None:
        port, address = behind(amqp_url)
        with proxies(port) as (way,), RabbitQueue(address.format(port=way.port)) as queue:
            for step in range(LOOKS):
                if step % 2 and step < 10:
                    way.cut()
                try:
                    relay_once(database, queue)
                    consume_once(database, queue)
                except UnavailableError:
                    continue
                if entries(database) == (len(DAYS), len(DAYS), 0):
                    return
        raise AssertionError(entries(database))

    def test_held_up_costs_no_more_than_our_deadline(
        self, database: Database, tenant: UUID, amqp_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rabbitmq, "CONFIRM_SECONDS", 0.2)
        port, address = behind(amqp_url)
        with proxies(port) as (way,), RabbitQueue(address.format(port=way.port)) as queue:
            assert queue.has_room()
            monkeypatch.setattr(queue, "has_room", lambda: True)
            way.hold()
            with pytest.raises(UnavailableError, match="did not confirm"):
                relay_once(database, queue)
            way.release()
        monkeypatch.undo()
        with RabbitQueue(amqp_url) as queue:
            for _ in range(LOOKS):
                relay_once(database, queue)
                consume_once(database, queue)
                if entries(database) == (len(DAYS), len(DAYS), 0):
                    return
        raise AssertionError(entries(database))
