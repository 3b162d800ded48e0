"""Queue and ledger in one database: a page goes from one to the other by one transaction, or not at all."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.queue import consume
from opsintel.queue.consume import consume_once
from opsintel.queue.contract import QUEUE_PAGE
from opsintel.queue.postgres import PostgresQueue
from tests.queue.kinds import announcement


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def proven(database: Database, tenant: UUID) -> PostgresQueue:
    """A queue of which a page has been consumed."""
    queue = PostgresQueue(database)
    queue.publish([announcement(tenant)])
    assert consume_once(database, queue) == 1
    return queue


def waiting(database: Database) -> list[int]:
    """Return the attempts of what is in the queue."""
    with database.system_tx() as connection:
        return [row[0] for row in connection.execute("SELECT attempts FROM queue_message ORDER BY id").fetchall()]


def entered(database: Database) -> int:
    with database.system_tx() as connection:
        row = connection.execute("SELECT count(*) FROM work").fetchone()
    assert row is not None
    return int(row[0])


class TestATakenPage:
    def test_is_in_the_ledger_and_no_more_in_the_queue(
        self, database: Database, tenant: UUID, proven: PostgresQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(proven, "receive", lambda limit: pytest.fail("no lease is needed"))
        proven.publish([announcement(tenant) for _ in range(3)])
        assert consume_once(database, proven) == 3
        assert (waiting(database), entered(database)) == ([], 4)

    def test_is_wholly_in_the_queue_when_its_consumer_is_killed(
        self, database: Database, tenant: UUID, proven: PostgresQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def enter_and_die(connection: psycopg.Connection, *given: object) -> None:
            raise KilledError

        proven.publish([announcement(tenant) for _ in range(3)])
        with monkeypatch.context() as patch:
            patch.setattr(consume.outbox, "remove", enter_and_die)  # after the ledger was written, before the commit
            with pytest.raises(KilledError):
                consume_once(database, proven)
        assert (waiting(database), entered(database)) == ([0, 0, 0], 1)

    def test_is_no_larger_than_a_page(self, database: Database, tenant: UUID, proven: PostgresQueue) -> None:
        proven.publish([announcement(tenant) for _ in range(QUEUE_PAGE + 1)])
        assert consume_once(database, proven) == QUEUE_PAGE
        assert len(waiting(database)) == 1


class TestALease:
    def test_is_what_a_consumer_begins_with(self, database: Database, tenant: UUID) -> None:
        queue = PostgresQueue(database)
        queue.publish([announcement(tenant)])
        with database.system_tx() as connection:
            assert queue.take(connection, 10) == []

    def test_is_taken_for_a_page_with_anything_that_was_handed_out_before(
        self, database: Database, tenant: UUID, proven: PostgresQueue
    ) -> None:
        proven.publish([announcement(tenant)])
        proven.reject(proven.receive(1))
        proven.publish([announcement(tenant)])
        with database.system_tx() as connection:
            assert proven.take(connection, 10) == []
        assert sorted(waiting(database)) == [0, 1]
