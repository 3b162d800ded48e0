"""The budget of a Google account: shared by processes and tenants, and closed while Google asks to wait."""

from __future__ import annotations

from uuid import uuid4

import pytest

from opsintel.coordination.postgres import PostgresCoordinator
from opsintel.db.engine import Database
from opsintel.errors import UnavailableError
from opsintel_pipeline.act.sheets.pace import BUDGET, Pace


class Night:
    """Sleeps without taking time, until somebody has slept often enough."""

    def __init__(self, times: int = 1) -> None:
        self.slept: list[float] = []
        self._times = times

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) >= self._times:
            raise TimeoutError


@pytest.fixture
def account() -> str:
    return f"{uuid4().hex}@project.example"


class TestAPace:
    def test_is_within_googles_limit_in_any_minute(self) -> None:
        assert BUDGET.burst + 60 * BUDGET.per_second <= 60

    def test_is_kept_by_processes_together(self, database: Database, account: str) -> None:
        night = Night()
        processes = [Pace(PostgresCoordinator(database), account, night) for _ in range(2)]
        for number in range(BUDGET.burst):
            processes[number % 2].wait("write")
        assert night.slept == []
        with pytest.raises(TimeoutError):
            processes[0].wait("write")
        assert 0 < night.slept[0] <= 1 / BUDGET.per_second

    def test_of_reads_and_of_other_accounts_is_another(self, database: Database, account: str) -> None:
        coordinator = PostgresCoordinator(database)
        Pace(coordinator, account).refused("write", 60)
        Pace(coordinator, account).wait("read")
        Pace(coordinator, f"other-{account}").wait("write")

    def test_waits_as_long_as_google_told_another_process(self, database: Database, account: str) -> None:
        night = Night()
        Pace(PostgresCoordinator(database), account).refused("write", 60)
        with pytest.raises(TimeoutError):
            Pace(PostgresCoordinator(database), account, night).wait("write")
        assert 50 < night.slept[0] <= 60

    def test_gives_up_what_takes_too_long(self, database: Database, account: str) -> None:
        pace = Pace(PostgresCoordinator(database), account, Night())
        pace.refused("write", 500)
        with pytest.raises(UnavailableError, match="takes no more requests for 500 s"):
            pace.wait("write")
