"""Each test of the contract runs on both queues, on a database without work."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from opsintel.db.engine import Database
from opsintel.queue.contract import Queue
from opsintel.tenants import create_tenant
from tests.queue.kinds import InPostgres, InRabbit, Kind


@pytest.fixture
def tenant(database: Database) -> UUID:
    """A tenant in a database where nothing waits."""
    with database.system_tx() as connection:
        for table in ("work", "batch", "queue_message", "outbox", "quarantine"):
            connection.execute(f"DELETE FROM {table}")
    return create_tenant(database, f"t-{uuid4().hex}", "T").id


@pytest.fixture(params=["postgres", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def kind(request: pytest.FixtureRequest, database: Database, tenant: UUID) -> Kind:
    """One of the two queues, empty."""
    if request.param == "postgres":
        return InPostgres(database)
    return InRabbit(database, request.getfixturevalue("amqp_url"))


@pytest.fixture
def queue(kind: Kind) -> Iterator[Queue]:
    """The queue, opened."""
    with kind.open() as opened:
        yield opened
