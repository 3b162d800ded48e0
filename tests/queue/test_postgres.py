"""The queue in PostgreSQL hands out no more than asked, whichever plan the database chooses."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.queue.postgres import PostgresQueue
from tests.queue.kinds import announcement


@pytest.fixture
def queue_of_nested_loops(database_url: str, admin_url: str, tenant: UUID) -> Iterator[PostgresQueue]:
    """A queue in a database that has just learned that few rows are joined best by looking again for each."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
            connection.execute(f'ALTER DATABASE "{connection.info.dbname}" SET enable_{way} = off')
    with Database(database_url) as database:
        yield PostgresQueue(database)


def test_a_page_is_never_larger_than_asked(queue_of_nested_loops: PostgresQueue, tenant: UUID) -> None:
    queue_of_nested_loops.publish([announcement(tenant) for _ in range(5)])
    assert [len(queue_of_nested_loops.receive(2)) for _ in range(3)] == [2, 2, 1]
