"""Readiness with a broker: a confirmed publish, at most one every few seconds."""

from __future__ import annotations

import pika
import psycopg
import pytest
from pydantic import SecretStr

from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.db.migrate import newest_revision
from opsintel.queue.rabbitmq import declare_queues
from opsintel.queue.topology import WORK
from opsintel_api import broker, readiness
from opsintel_api.broker import BrokerProbe
from tests.coordination.conftest import settings_of
from tests.peers.redis import RedisServer, silent_server

WELL = {"database": "ok", "migrations": "ok", "keyring": "ok"}
NOBODY = "amqp://guest:guest@127.0.0.1:1/"


def waiting(url: str) -> int:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        return int(connection.channel().queue_declare(WORK, passive=True).method.message_count)


class TestTheRoute:
    async def test_says_that_the_broker_does_not_answer(self, client):
        services = client._transport.app.state.services
        object.__setattr__(services, "broker", BrokerProbe(NOBODY))
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"] == WELL | {"broker": "does not answer"}


class TestTheDatabase:
    async def test_is_not_ready_with_another_schema(self, client, admin_url):
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '0001'")
            response = await client.get("/readyz")
            connection.execute("UPDATE alembic_version SET version_num = %s", (newest_revision(),))
        assert response.status_code == 503
        assert response.json()["checks"] == WELL | {"migrations": "is not at this version's schema"}

    async def test_is_not_ready_where_the_application_may_read_nothing(self, client, admin_url):
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("REVOKE SELECT ON tenant FROM opsintel_app")
            response = await client.get("/readyz")
            connection.execute("GRANT SELECT ON tenant TO opsintel_app")
        assert response.json()["checks"] == WELL | {"database": "does not answer"}

    async def test_that_hangs_costs_a_second_and_is_said(self, client, admin_url, monkeypatch):
        monkeypatch.setattr(readiness, "DEADLINE_SECONDS", 0.2)
        with psycopg.connect(admin_url) as connection:
            connection.execute("LOCK TABLE tenant, alembic_version, data_key IN ACCESS EXCLUSIVE MODE")
            response = await client.get("/readyz")
        assert response.json()["checks"] == dict.fromkeys(WELL, "does not answer in time")

    async def test_is_not_ready_with_a_master_key_that_opens_nothing(self, client, acme, database, settings):
        Keyring(database, MasterKeys.of(settings)).store(acme.tenant_id, "test", b"value")
        assert (await client.get("/readyz")).json()["checks"] == WELL
        services = client._transport.app.state.services
        other = settings.model_copy(update={"master_encryption_key": SecretStr("B" * 43 + "=")})
        object.__setattr__(services, "settings", other)
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"] == WELL | {"keyring": "does not open with this master key"}


@pytest.mark.redis
class TestRedis:
    async def test_that_answers_is_a_part_that_is_ready(self, client, redis_server: RedisServer):
        self.give(client, redis_server.environment)
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (200, "ready")
        assert response.json()["checks"] == WELL | {"redis": "ok"}

    @pytest.mark.parametrize("state", ["nobody", "silent", "wrong password"])
    async def test_that_does_not_leaves_the_process_ready_but_degraded(self, client, redis_server, state):
        with silent_server() as silent:
            self.give(
                client,
                {
                    "nobody": {"REDIS_ADDR": "127.0.0.1:1"},
                    "silent": {"REDIS_ADDR": silent.address},
                    "wrong password": redis_server.environment | {"OPSINTEL_REDIS_PASSWORD": "another"},
                }[state],
            )
            response = await client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert response.json()["checks"] == WELL | {"redis": "does not answer"}

    def give(self, client, variables):
        services = client._transport.app.state.services
        object.__setattr__(services, "settings", settings_of(services.settings, **variables))


@pytest.mark.rabbitmq
class TestTheProbe:
    async def test_is_a_confirmed_publish_and_is_kept_for_a_while(self, amqp_url, monkeypatch):
        monkeypatch.setattr(broker, "DEADLINE_SECONDS", 30.0)
        declare_queues(amqp_url)
        probe = BrokerProbe(amqp_url)
        assert [await probe.state() for _ in range(3)] == ["ok"] * 3
        assert waiting(amqp_url) == 1
        monkeypatch.setattr(broker, "KEPT_SECONDS", 0.0)
        assert await probe.state() == "ok"
        assert waiting(amqp_url) == 2
