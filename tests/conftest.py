"""What tests share: one real PostgreSQL for the session, a fresh migrated database for each module, a real RabbitMQ and
Redis."""

from __future__ import annotations

import base64
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pika
import psycopg
import pytest

from opsintel.db.embedded import ADMIN, SERVICE, Access
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.ids import new_id
from opsintel.queue.rabbitmq import declare_queues
from opsintel.queue.topology import QUEUES
from opsintel.settings import Settings, load_settings
from tests.order import Files, place_of, scheduler
from tests.peers.catalogue import AIMOCK, PEERS, all_are_required
from tests.peers.rabbitmq import Broker, running_broker
from tests.peers.redis import RedisServer, running_redis
from tests.servers import forgetful_server

# Compiled modules are kept, also where the environment says otherwise: every process that a test starts would compile
# the product anew, and every process of tests the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

TEMPLATE = "opsintel_template"

# Loaded before any module of tests is, so that all properties have it. Time is not asserted: how long an example takes
# says how busy the machine is.
for _name, _examples, _same in (("quick", 100, True), ("random", 1_000, False)):
    hypothesis.settings.register_profile(
        _name,
        max_examples=_examples,
        derandomize=_same,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        print_blob=True,
    )
hypothesis.settings.load_profile("quick")  # the same examples in every run; `make fuzz` asks for the other one


@pytest.fixture(scope="session")
def server() -> Iterator[Access]:
    """The embedded PostgreSQL in a folder of its own; it ends with the session."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-tests-"))
    folder.chmod(0o755)
    try:
        with forgetful_server(folder) as access:
            yield access
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: Access) -> str:
    """Name of a migrated database that others are copied from."""
    with psycopg.connect(server.url(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(server.url(ADMIN, TEMPLATE), login=SERVICE)
    return TEMPLATE


@pytest.fixture(scope="module")
def admin_url(server: Access, template: str) -> Iterator[str]:
    """Address of the module's own database for a login that may do anything; for set-up and catalogue tests only."""
    name = f"test_{new_id().hex}"
    with psycopg.connect(server.url(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {SERVICE}")
        connection.execute(f"GRANT TEMPORARY ON DATABASE {name} TO opsintel_app")
        yield server.url(ADMIN, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def database_url(server: Access, admin_url: str) -> str:
    """Address of the module's own migrated database, for the product's login."""
    database = urlsplit(admin_url).path.lstrip("/")
    return server.url(SERVICE, database)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    """The module's own migrated database."""
    with Database(database_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a complete installation: the module's database, fresh secrets, a data folder of its own."""
    return load_settings(
        {
            "DB_URL": database_url,
            "MASTER_ENCRYPTION_KEY": base64.b64encode(os.urandom(32)).decode(),
            "JWT_SECRET": base64.b64encode(os.urandom(48)).decode(),
            "OPSINTEL_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
        }
    )


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The RabbitMQ of the session with our queues, in a folder of its own; it ends with the session."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-rabbitmq-"))
    try:
        with running_broker(folder) as running:
            declare_queues(running.url)
            running.wait_until_stored(*(queue.name for queue in QUEUES))
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def module_amqp_url(broker: Broker) -> Iterator[str]:
    """Address of a RabbitMQ whose queues are empty, for a module that runs a stack once."""
    _purge(broker.url)
    yield broker.url
    broker.ensure_running()
    _purge(broker.url)


@pytest.fixture
def amqp_url(broker: Broker) -> Iterator[str]:
    """Address of a RabbitMQ whose queues are empty.

    They are never deleted: one that was declared just before its broker is killed stays without a leader.
    """
    _purge(broker.url)
    yield broker.url
    broker.ensure_running()
    _purge(broker.url)


def _purge(url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        for queue in QUEUES:
            connection.channel().queue_purge(queue.name)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The Redis of the session, in a folder of its own; it ends with the session."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-redis-"))
    try:
        with running_redis(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, and say so, what needs a peer that is not installed; where all are required its absence fails."""
    items.sort(key=lambda item: place_of(item.nodeid))
    missing = [] if all_are_required() else [peer for peer in (*PEERS, AIMOCK) if peer.path() is None]
    for item in items:
        for peer in missing:
            if item.get_closest_marker(peer.marker):
                item.add_marker(pytest.mark.skip(reason=f"the package {peer.package} is not installed"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files | None:
    """Give each process of `make test` the files that belong together."""
    return scheduler(config, log)
