"""The worker's loop: woken by the database, patient with what is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from uuid import UUID

import pytest

from opsintel.db.engine import Database
from opsintel.errors import UnavailableError
from opsintel.queue.contract import CHANNEL, Announcement
from opsintel.queue.outbox import announce_days
from opsintel.queue.postgres import PostgresQueue
from opsintel.tenants import create_tenant
from opsintel_pipeline.worker import loop

LONG = 60.0
"""Seconds that nobody waits for when things go as they should."""


@pytest.fixture(scope="module")
def tenant(database: Database) -> UUID:
    return create_tenant(database, "acme", "Acme").id


@contextmanager
def working(database: Database, queue: PostgresQueue) -> Iterator[threading.Semaphore]:
    """Run the loop; the semaphore counts its rounds."""
    stop, rounds = threading.Event(), threading.Semaphore(0)
    thread = threading.Thread(target=loop.run, args=(database, queue, stop, rounds.release))
    thread.start()
    try:
        yield rounds
    finally:
        stop.set()
        thread.join()


def announce(database: Database, tenant: UUID) -> None:
    with database.tenant_tx(tenant) as connection:
        announce_days(connection, tenant, [date(2026, 11, 1)], "import")


def entries(database: Database) -> int:
    with database.system_tx() as connection:
        row = connection.execute("SELECT count(*) FROM work").fetchone()
    assert row is not None
    return int(row[0])


class TestWaking:
    def test_an_announcement_ends_the_pause(
        self, database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loop, "IDLE_SECONDS", 10 * LONG)
        before = entries(database)
        with working(database, PostgresQueue(database)) as rounds:
            # The second round comes once it listens; after it the loop pauses.
            assert rounds.acquire(timeout=LONG)
            assert rounds.acquire(timeout=LONG)
            announce(database, tenant)
            assert rounds.acquire(timeout=LONG)
            assert entries(database) == before + 1

    def test_without_notification_it_looks_all_the_same(
        self, database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loop, "IDLE_SECONDS", 0.01)
        monkeypatch.setattr(database, "_url", "postgresql://127.0.0.1:1/nowhere")
        monkeypatch.setattr(loop, "DEAF_SECONDS", 0.01)
        with working(database, PostgresQueue(database)) as rounds:
            for _ in range(4):
                assert rounds.acquire(timeout=LONG)

    def test_listening_begins_again_after_the_connection_was_cut(self, database: Database, admin_url: str) -> None:
        with database.listener(CHANNEL) as listener:
            assert listener.wait(LONG)
            cut(admin_url)
            assert not listener.wait(LONG)
            assert not listener.listens
            assert listener.wait(LONG)
            assert listener.listens


def cut(admin_url: str) -> None:
    import psycopg

    with psycopg.connect(admin_url) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")


class TestABrokerThatIsAway:
    def test_is_waited_for_with_a_line_that_says_what_to_do(
        self, database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines: list[str] = []
        monkeypatch.setattr(loop, "LONGEST_PAUSE", 0.01)
        monkeypatch.setattr(loop.logger, "warning", lambda text, *values: lines.append(text % values))
        before = entries(database)
        with working(database, AwayAtFirst(database)) as rounds:
            announce(database, tenant)
            while entries(database) == before:
                assert rounds.acquire(timeout=LONG)
        assert any("The broker is away. Start it" in line for line in lines)


class AwayAtFirst(PostgresQueue):
    """Confirms only what is published for the third time."""

    tries = 0

    def publish(self, announcements: Sequence[Announcement]) -> None:
        self.tries += 1
        if self.tries < 3:
            raise UnavailableError("The broker is away", remedy="Start it")
        super().publish(announcements)
