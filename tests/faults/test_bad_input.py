"""Poison that kills its run, and clocks that are an hour wrong: the rest flows.

What cannot be consumed at all is in tests/queue/test_consume.py, a tenant deleted with work waiting there and in
tests/worker/test_batch.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from opsintel import ids
from opsintel.db.engine import Database
from opsintel.queue import ledger
from opsintel.queue.consume import consume_once
from opsintel.queue.outbox import announce_days, relay_once
from opsintel.queue.postgres import PostgresQueue
from opsintel.tenants import create_tenant

DAY = date(2026, 11, 1)
POISON = DAY + timedelta(days=2)


@pytest.fixture
def tenant(database: Database) -> UUID:
    with database.system_tx() as connection:
        for table in ("work", "batch", "queue_message", "outbox", "quarantine"):
            connection.execute(f"DELETE FROM {table}")
    return create_tenant(database, f"t-{uuid4().hex}", "T").id


def announce(database: Database, tenant: UUID, *days: date) -> None:
    with database.tenant_tx(tenant) as connection:
        announce_days(connection, tenant, days, "import")


def deliver(database: Database) -> None:
    queue = PostgresQueue(database)
    while relay_once(database, queue) + consume_once(database, queue):
        pass


def states(database: Database) -> dict[date, tuple[str, str]]:
    with database.system_tx() as connection:
        rows = connection.execute("SELECT partition_day, state, error FROM work").fetchall()
    return {day: (state, error) for day, state, error in rows}


class TestADayThatKillsTheProcessOfItsRun:
    def test_fails_with_its_reason_and_takes_nobody_along(
        self, database: Database, database_url: str, tenant: UUID, tmp_path: Path
    ) -> None:
        days = [DAY + timedelta(days=number) for number in range(4)]
        announce(database, tenant, *days)
        deliver(database)
        while ledger.build_batches(database, size=len(days)):
            for batch in ledger.open_batches(database):
                arguments = (database_url, str(batch), POISON.isoformat(), str(tmp_path))
                done = subprocess.run([sys.executable, "-m", "tests.faults.dying_run", *arguments], check=False)
                if done.returncode:
                    ledger.set_deadline(database, batch, timedelta(seconds=-1))
        found = states(database)
        assert found.pop(POISON) == ("failed", "its run died 5 times without a word")
        assert set(found.values()) == {("done", "")}


class TestAClockThatIsAnHourWrong:
    @pytest.mark.parametrize("seconds", [3600, -3600])
    def test_at_a_producer_loses_and_doubles_nothing(
        self, database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch, seconds: int
    ) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        monkeypatch.setattr(ids, "_last_millisecond", 0)
        monkeypatch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: time.time_ns() + seconds * 1_000_000_000))
        announce(database, tenant, DAY, DAY + timedelta(days=1))
        monkeypatch.undo()
        announce(database, tenant, DAY + timedelta(days=2))
        deliver(database)
        (batch,) = ledger.build_batches(database)
        assert [partition.day for partition in ledger.start_batch(database, batch, "run")] == [
            DAY + timedelta(days=number) for number in range(3)
        ]
        with database.system_tx() as connection:
            assert connection.execute("SELECT count(*), count(DISTINCT id) FROM work").fetchone() == (4, 4)
