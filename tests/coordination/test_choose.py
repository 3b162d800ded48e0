"""Redis that is away, hangs or refuses: PostgreSQL takes over at once, and Redis is left alone until it is back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opsintel.coordination import breaker as breaker_module
from opsintel.coordination.breaker import Breaker
from opsintel.coordination.choose import ApiLimits, RedisOrPostgres, open_coordinator
from opsintel.coordination.contract import Key, Limit
from opsintel.coordination.postgres import PostgresCoordinator
from opsintel.coordination.redis import ANSWER_SECONDS, CONNECT_SECONDS, RedisCoordinator
from opsintel.db.engine import AsyncDatabase, Database
from opsintel.settings import Settings
from tests.coordination.conftest import settings_of
from tests.coordination.test_contract import LEASE, SLOW
from tests.peers.rabbitmq import free_ports
from tests.peers.redis import PASSWORD, RedisServer, running_redis, silent_server

PLENTY = Limit(per_second=1000, burst=100_000)

pytestmark = pytest.mark.redis


@contextmanager
def coordinated(settings: Settings, database: Database, first_pause: float = 3600) -> Iterator[RedisOrPostgres]:
    redis = RedisCoordinator(settings)
    breaker = Breaker("Redis", redis.probe, first_pause=first_pause)
    with RedisOrPostgres(redis, PostgresCoordinator(database), breaker) as opened:
        yield opened


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come to pass")


class TestWithoutRedis:
    def test_postgresql_coordinates(self, settings: Settings, database: Database) -> None:
        assert isinstance(open_coordinator(settings, database), PostgresCoordinator)


class TestARedisThatDoesNotAnswer:
    def test_is_asked_once_and_then_left_alone(self, settings: Settings, database: Database, key: Key) -> None:
        with silent_server() as silent:
            blackholed = settings_of(settings, REDIS_ADDR=silent.address)
            with coordinated(blackholed, database) as coordinator:
                waits = [coordinator.acquire(key, SLOW) for _ in range(20)]
                assert coordinator.lock(key, LEASE) is not None
            assert len(silent.connections) == 1
        assert sum(wait == 0 for wait in waits) == SLOW.burst

    def test_costs_half_a_second_at_most(self) -> None:
        assert CONNECT_SECONDS + ANSWER_SECONDS <= 0.5

    async def test_limits_the_api_all_the_same(self, settings: Settings, database_url: str, key: Key) -> None:
        with silent_server() as silent:
            database = await AsyncDatabase.open(database_url)
            limits = ApiLimits(settings_of(settings, REDIS_ADDR=silent.address), database)
            waits = [await limits.acquire(key, SLOW) for _ in range(20)]
            await limits.refund(key, SLOW)
            assert await limits.acquire(key, SLOW) == 0
            await limits.close()
            await database.close()
            assert len(silent.connections) == 1
        assert sum(wait == 0 for wait in waits) == SLOW.burst


class TestARedisThatIsNotThere:
    @pytest.mark.parametrize("refusal", ["no server", "wrong password", "no password"])
    def test_is_told_once_in_a_line_with_its_remedy(
        self, settings: Settings, database: Database, redis_server: RedisServer, key: Key,
        monkeypatch: pytest.MonkeyPatch, refusal: str,
    ) -> None:  # fmt: skip
        given = {
            "no server": {"REDIS_ADDR": f"127.0.0.1:{free_ports(1)[0]}"},
            "wrong password": redis_server.environment | {"OPSINTEL_REDIS_PASSWORD": "another"},
            "no password": {"REDIS_ADDR": redis_server.address},
        }[refusal]
        lines: list[str] = []
        monkeypatch.setattr(breaker_module.logger, "warning", lambda text, *values: lines.append(text % values))
        with coordinated(settings_of(settings, **given), database) as coordinator:
            assert sum(coordinator.acquire(key, SLOW) == 0 for _ in range(20)) == SLOW.burst
        (line,) = lines
        assert given["REDIS_ADDR"] in line
        assert "Check" in line
        assert "another" not in line

    def test_is_used_again_once_it_is_back(
        self, settings: Settings, database: Database, tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(breaker_module, "LONGEST_PAUSE", 0.01)
        with running_redis(tmp_path) as server:
            theirs = settings_of(settings, **server.environment)
            with coordinated(theirs, database, 0.01) as coordinator, RedisCoordinator(theirs) as bare:
                first = coordinator.lock(key, LEASE)
                assert first is not None
                server.kill()
                assert not coordinator.renew(first)
                second = coordinator.lock(key, LEASE)
                assert second is not None
                assert (first.home, second.home) == ("redis", "postgres")
                server.start()
                bare.penalise(key, 60)
                wait_until(lambda: coordinator.acquire(key, PLENTY) > 50)
                assert coordinator.renew(second)
                coordinator.unlock(second)
                third = coordinator.lock(key, LEASE)
                assert third is not None
                assert third.home == "redis"
                assert first.fence < second.fence < third.fence


class TestTheApi:
    async def test_shares_its_buckets_with_other_processes(
        self, with_redis: Settings, settings: Settings, database: Database, database_url: str, key: Key
    ) -> None:
        async_database = await AsyncDatabase.open(database_url)
        for theirs in (with_redis, settings):
            limits = ApiLimits(theirs, async_database)
            with open_coordinator(theirs, database) as coordinator:
                assert await limits.acquire(key, SLOW, tokens=3) == 0
                assert coordinator.acquire(key, SLOW, tokens=2) == 0
                assert await limits.acquire(key, SLOW) > 90
                await limits.refund(key, SLOW)
                assert coordinator.acquire(key, SLOW) == 0
            await limits.close()
        await async_database.close()


class TestWhatIsKept:
    def test_full_buckets_and_old_locks_go(self, database: Database, key: Key) -> None:
        store = PostgresCoordinator(database)
        limit = Limit(per_second=1_000_000, burst=1)
        store.acquire(key, limit)
        store.acquire(Key(None, key.name), SLOW)
        assert store.lock(key, LEASE)
        assert store.lock(Key(None, key.name), LEASE)
        with database.system_tx() as connection:
            connection.execute(
                "UPDATE named_lock SET fence = 1, expires_at = now() - interval '25 hours' WHERE key = %s", (str(key),)
            )
        store.prune()
        with database.system_tx() as connection:
            rows = connection.execute(
                "SELECT key FROM rate_limit UNION ALL SELECT key FROM named_lock ORDER BY key"
            ).fetchall()
        assert [name for (name,) in rows if key.name in name] == [str(Key(None, key.name))] * 2

    def test_no_password_is_in_a_key_or_a_message(self, with_redis: Settings) -> None:
        with RedisCoordinator(with_redis) as store:
            store.probe()
        assert PASSWORD not in repr(vars(store))
