"""Credentials that die are noticed: by an error within 15 minutes, by silence within two hours."""

from __future__ import annotations

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.errors import BusyError, CredentialError, UnavailableError
from opsintel.sources.control import Change, change_source
from opsintel.sources.source import Source
from opsintel_pipeline.worker import polling, watching
from tests.sources.fake_kind import Desk, record
from tests.sources.test_feed import Seen, seen

__all__ = ["seen"]

DEAD = CredentialError("The token was revoked", remedy="Authorise it again")
TIMES = ("next_poll_at", "lease_until", "last_sync_at", "created_at", "next_census_at", "checked_at")


class Clock:
    """Moves the time of a source on, a minute after the other, with a worker that does what is due in each."""

    def __init__(self, context: Context, seen: Seen) -> None:
        self.context, self.seen = context, seen
        self.minutes = 0

    def tick(self, minutes: int = 1) -> None:
        moved = ", ".join(f"{name} = {name} - interval '{minutes} minutes'" for name in TIMES)
        self.seen.change(f"UPDATE source SET {moved}")
        self.seen.change(f"UPDATE source_state SET updated_at = updated_at - interval '{minutes} minutes'")
        with self.context.database.system_tx() as connection:
            connection.execute(f"UPDATE named_lock SET expires_at = expires_at - interval '{minutes} minutes'".encode())
        self.minutes += minutes

    def work_until(self, state: str, *, within: int, reads: bool = True) -> int:
        """Return after how many minutes a source is in a state."""
        for minute in range(within + 1):
            watching.watch(self.context)
            while reads and polling.poll_next(self.context):
                pass
            if self.seen.state()[0] == state:
                return minute
            self.tick()
        raise AssertionError(f"it is {self.seen.state()} after {within} minutes")


@pytest.fixture
def clock(context: Context, seen: Seen) -> Clock:
    return Clock(context, seen)


class TestError:
    def test_of_a_source_that_is_read_once_a_day_is_seen_within_15_minutes(
        self, context: Context, seen: Seen, source: Source, desk: Desk, clock: Clock
    ) -> None:
        change_source(context, source.tenant_id, source.id, Change(poll_seconds=86_400), SYSTEM)
        assert polling.poll_next(context)
        clock.work_until("active", within=0)
        clock.tick(7)
        desk.fault = DEAD
        desk.check_fault = DEAD
        assert clock.work_until("disabled", within=15) > 0
        assert seen.state() == ("disabled", "The token was revoked. Authorise it again")

    def test_of_a_source_that_rests_after_faults_is_seen_within_15_minutes(
        self, context: Context, seen: Seen, desk: Desk, clock: Clock
    ) -> None:
        desk.fault = desk.check_fault = UnavailableError("The desk is away")
        for _ in range(10):
            seen.make_due()
            assert polling.poll_next(context)
        assert seen.rows("SELECT next_poll_at > now() + interval '5 hours' FROM source") == [(True,)]
        desk.fault = desk.check_fault = DEAD
        clock.work_until("disabled", within=15)

    def test_that_has_passed_ends_the_rest(self, context: Context, seen: Seen, desk: Desk, clock: Clock) -> None:
        desk.fault = desk.check_fault = UnavailableError("The desk is away")
        for _ in range(10):
            seen.make_due()
            assert polling.poll_next(context)
        desk.fault = desk.check_fault = None
        clock.work_until("active", within=15)


class TestHealth:
    def test_of_a_source_that_is_read_rarely_is_asked_every_ten_minutes_and_reads_nothing(
        self, context: Context, seen: Seen, source: Source, desk: Desk, clock: Clock
    ) -> None:
        change_source(context, source.tenant_id, source.id, Change(poll_seconds=86_400), SYSTEM)
        assert polling.poll_next(context)
        desk.put(record(1))
        for _ in range(60):
            clock.tick()
            watching.watch(context)
            assert not polling.poll_next(context)
        assert 4 <= desk.checks <= 6
        assert seen.stored() == []
        assert seen.state() == ("active", "")

    def test_of_a_source_that_is_read_every_minute_is_not_asked_for(
        self, context: Context, desk: Desk, clock: Clock
    ) -> None:
        for _ in range(30):
            while polling.poll_next(context):
                pass
            watching.watch(context)
            clock.tick()
        assert desk.checks == 0

    def test_of_a_paused_source_is_nobody_s_business(
        self, context: Context, source: Source, desk: Desk, clock: Clock
    ) -> None:
        change_source(context, source.tenant_id, source.id, Change(paused=True), SYSTEM)
        clock.tick(300)
        watching.watch(context)
        assert desk.checks == 0


class TestSilence:
    def test_of_a_source_that_no_reader_comes_to_is_seen_within_two_hours(
        self, context: Context, seen: Seen, clock: Clock
    ) -> None:
        assert polling.poll_next(context)
        assert clock.work_until("failing", within=119, reads=False) >= 105
        assert "authorise it again" in seen.state()[1]
        assert polling.poll_next(context)
        assert seen.state() == ("active", "")

    def test_is_none_where_pages_come(self, context: Context, seen: Seen, desk: Desk, clock: Clock) -> None:
        desk.put(record(1))
        assert polling.poll_next(context)
        for _ in range(20):
            clock.tick(10)
            seen.change("UPDATE source_state SET updated_at = now()")
            watching.watch(context)
        assert seen.state() == ("active", "")

    def test_of_a_provider_that_limits_for_hours_is_shown(
        self, context: Context, seen: Seen, desk: Desk, clock: Clock
    ) -> None:
        assert polling.poll_next(context)
        desk.fault = desk.check_fault = BusyError("The desk takes no more requests", seconds=3_000)
        clock.work_until("failing", within=119)
