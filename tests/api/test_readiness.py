"""Readiness with a broker: a confirmed publish, at most one every few seconds."""

from __future__ import annotations

import pika
import pytest

from opsintel.queue.rabbitmq import declare_queues
from opsintel.queue.topology import WORK
from opsintel_api import broker
from opsintel_api.broker import BrokerProbe
from tests.coordination.conftest import settings_of
from tests.peers.redis import RedisServer, silent_server

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
        assert response.json()["checks"] == {"database": "ok", "broker": "does not answer"}


@pytest.mark.redis
class TestRedis:
    async def test_that_answers_is_a_part_that_is_ready(self, client, redis_server: RedisServer):
        self.give(client, redis_server.environment)
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (200, "ready")
        assert response.json()["checks"] == {"database": "ok", "redis": "ok"}

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
        assert response.json()["checks"] == {"database": "ok", "redis": "does not answer"}

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
