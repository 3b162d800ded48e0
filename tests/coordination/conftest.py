"""Each test of the contract runs in both stores."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from opsintel.coordination.contract import Coordinator, Key
from opsintel.coordination.postgres import PostgresCoordinator
from opsintel.coordination.redis import RedisCoordinator
from opsintel.db.engine import Database
from opsintel.settings import Settings, load_settings
from tests.peers.redis import RedisServer

TENANT = UUID(int=7)


def settings_of(settings: Settings, **variables: str) -> Settings:
    """Return settings of the same installation with a Redis."""
    given = load_settings(variables)
    return settings.model_copy(
        update={name: getattr(given, name) for name in ("redis_addr", "redis_password", "redis_tls")}
    )


@pytest.fixture
def with_redis(settings: Settings, redis_server: RedisServer) -> Settings:
    """Settings of the installation with the session's Redis."""
    return settings_of(settings, **redis_server.environment)


@pytest.fixture(params=["postgres", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, database: Database) -> Iterator[Coordinator]:
    """One of the two stores."""
    if request.param == "postgres":
        yield PostgresCoordinator(database)
    else:
        with RedisCoordinator(request.getfixturevalue("with_redis")) as opened:
            yield opened


@pytest.fixture
def key() -> Key:
    """A key that nobody has used."""
    return Key(TENANT, uuid4().hex)
