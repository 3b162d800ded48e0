"""From outbox to ledger to batches: nothing lost, nothing double, days in order, tenants fair."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from opsintel.clock import now
from opsintel.db.engine import Database
from opsintel.queue import ledger
from opsintel.queue.consume import consume_once
from opsintel.queue.outbox import announce_days, relay_once
from opsintel.queue.postgres import PostgresQueue
from opsintel.queue.wire import decode
from opsintel.tenants import create_tenant, set_paused

DAY = date(2026, 11, 1)


@pytest.fixture
def tenant(database: Database) -> UUID:
    with database.system_tx() as connection:
        connection.execute("DELETE FROM work")
        connection.execute("DELETE FROM batch")
        connection.execute("DELETE FROM queue_message")
        connection.execute("DELETE FROM outbox")
    return create_tenant(database, f"t-{uuid4().hex}", "T").id


def announce(database: Database, tenant_id: UUID, *days: date) -> None:
    with database.tenant_tx(tenant_id) as connection:
        announce_days(connection, tenant_id, days, "import")


def deliver(database: Database) -> None:
    queue = PostgresQueue(database)
    while relay_once(database, queue) + consume_once(database, queue):
        pass


class TestTheWayOfWork:
    def test_work_arrives_and_is_done_once(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY, DAY + timedelta(days=1))
        assert ledger.pending_count(database) == 2
        deliver(database)
        (batch,) = ledger.build_batches(database, now=now())
        partitions = ledger.start_batch(database, batch, "run")
        assert [p.day for p in partitions] == [DAY, DAY + timedelta(days=1)]
        for partition in partitions:
            ledger.finish(database, batch, {partition: None})
        ledger.close_batch(database, batch)
        assert ledger.pending_count(database) == 0
        assert ledger.build_batches(database, now=now()) == []

    def test_an_announcement_delivered_twice_is_one_entry(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        queue = PostgresQueue(database)
        relay_once(database, queue)
        (received,) = queue.receive(10)
        queue.reject([received])
        deliver(database)
        queue.publish([decode(received.body)])
        deliver(database)
        with database.system_tx() as connection:
            assert connection.execute("SELECT count(*) FROM work").fetchone() == (1,)

    def test_work_of_a_batch_whose_run_died_is_built_anew_under_another_id(
        self, database: Database, tenant: UUID
    ) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        (dead,) = ledger.build_batches(database, now=now())
        ledger.start_batch(database, dead, "run")
        assert ledger.build_batches(database, now=now()) == []
        (anew,) = ledger.build_batches(database, now=now() + timedelta(hours=1))
        assert anew != dead
        assert ledger.start_batch(database, dead, "late") == {}
        assert len(ledger.start_batch(database, anew, "run")) == 1

    def test_a_failing_partition_is_tried_again_and_given_up_in_the_end(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        for _ in range(ledger.MAX_ATTEMPTS):
            (batch,) = ledger.build_batches(database, now=now())
            (partition,) = ledger.start_batch(database, batch, "run")
            ledger.finish(database, batch, {partition: ledger.Fault("analyses", "no reason")})
            ledger.close_batch(database, batch)
        assert ledger.build_batches(database, now=now()) == []
        with database.system_tx() as connection:
            assert connection.execute("SELECT state, error FROM work").fetchall() == [("failed", "analyses: no reason")]

    def test_new_work_for_a_day_under_way_waits_for_the_next_batch(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        (first,) = ledger.build_batches(database, now=now())
        (partition,) = ledger.start_batch(database, first, "run")
        announce(database, tenant, DAY)
        deliver(database)
        ledger.finish(database, first, {partition: None})
        ledger.close_batch(database, first)
        assert ledger.pending_count(database) == 1

    def test_a_tenant_with_much_waiting_leaves_room_for_others(self, database: Database, tenant: UUID) -> None:
        other = create_tenant(database, f"small-{uuid4().hex}", "Small").id
        announce(database, tenant, *(DAY + timedelta(days=offset) for offset in range(300)))
        announce(database, other, DAY)
        deliver(database)
        first = ledger.build_batches(database, now=now(), size=100, per_tenant=50)[0]
        assert other in {partition.tenant_id for partition in ledger.start_batch(database, first, "run")}


def run_all(database: Database, poison: date) -> None:
    """Run every open batch as a run does that dies over one day: with nothing of its batch finished."""
    for batch in ledger.open_batches(database):
        partitions = ledger.start_batch(database, batch, "run")
        if poison in {partition.day for partition in partitions}:
            ledger.set_deadline(database, batch, timedelta(seconds=-1))
        else:
            ledger.finish(database, batch, dict.fromkeys(partitions))
            ledger.close_batch(database, batch)


class TestADayThatKillsItsRuns:
    def test_fails_alone_with_its_reason_and_its_neighbours_are_done(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, *(DAY + timedelta(days=offset) for offset in range(30)))
        announce(database, create_tenant(database, f"n-{uuid4().hex}", "N").id, DAY + timedelta(days=40))
        deliver(database)
        poison = DAY + timedelta(days=7)
        runs = 0
        while built := ledger.build_batches(database):
            runs += len(built)
            run_all(database, poison)
        with database.system_tx() as connection:
            states = connection.execute("SELECT state, count(*) FROM work GROUP BY state ORDER BY state").fetchall()
            failed = connection.execute("SELECT partition_day, error FROM work WHERE state = 'failed'").fetchall()
        assert states == [("done", 30), ("failed", 1)]
        assert failed == [(poison, "its run died 5 times without a word")]
        assert runs < 20

    def test_delays_no_new_work(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        ledger.build_batches(database)
        run_all(database, DAY)
        announce(database, create_tenant(database, f"n-{uuid4().hex}", "N").id, DAY + timedelta(days=1))
        deliver(database)
        first, second = ledger.build_batches(database)
        healthy, suspect = (ledger.start_batch(database, batch, "run") for batch in (first, second))
        assert [partition.day for partition in [*healthy, *suspect]] == [DAY + timedelta(days=1), DAY]


class TestDeadlines:
    def test_follow_the_clock_of_the_database_alone(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        (batch,) = ledger.build_batches(database)
        ledger.set_deadline(database, batch, timedelta(seconds=30))
        with database.system_tx() as connection:
            row = connection.execute("SELECT deadline_at - now() FROM batch WHERE id = %s", (batch,)).fetchone()
        assert row is not None
        assert timedelta(seconds=20) < row[0] <= timedelta(seconds=30)

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_a_machine_whose_clock_is_wrong_takes_no_batch_from_others_and_keeps_none_for_ever(
        self, database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch, hours: int
    ) -> None:
        wrong = now() + timedelta(hours=hours)
        monkeypatch.setattr("time.time", wrong.timestamp)
        monkeypatch.setattr("opsintel.clock.now", lambda: wrong)
        announce(database, tenant, DAY)
        deliver(database)
        (batch,) = ledger.build_batches(database)
        ledger.start_batch(database, batch, "run")
        ledger.set_deadline(database, batch, timedelta(seconds=30))
        assert ledger.build_batches(database) == []
        with database.system_tx() as connection:
            connection.execute("UPDATE batch SET deadline_at = deadline_at - interval '31 s'")
        assert len(ledger.build_batches(database)) == 1


class TestStages:
    def test_work_begins_at_the_earliest_stage_that_any_of_its_announcements_names(
        self, database: Database, tenant: UUID
    ) -> None:
        with database.tenant_tx(tenant) as connection:
            announce_days(connection, tenant, [DAY, DAY + timedelta(days=1)], "issues changed", "marts")
            announce_days(connection, tenant, [DAY], "edit", "analyses")
        deliver(database)
        (batch,) = ledger.build_batches(database)
        assert list(ledger.start_batch(database, batch, "run").values()) == ["analyses", "marts"]

    def test_a_retry_goes_on_at_the_stage_that_failed(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY, DAY + timedelta(days=1))
        deliver(database)
        (batch,) = ledger.build_batches(database)
        first, second = ledger.start_batch(database, batch, "run")
        ledger.finish(database, batch, {first: ledger.Fault("issues", "no reason"), second: None})
        ledger.close_batch(database, batch)
        (again,) = ledger.build_batches(database)
        assert ledger.start_batch(database, again, "run") == {first: "issues"}


class TestOneRunForATenant:
    def test_no_two_batches_hold_the_same_tenant(self, database: Database, tenant: UUID) -> None:
        others = [create_tenant(database, f"n-{uuid4().hex}", "N").id for _ in range(3)]
        for offset in range(40):
            for tenant_id in (tenant, *others):
                announce(database, tenant_id, DAY + timedelta(days=offset))
        deliver(database)
        batches = ledger.build_batches(database, size=100, per_tenant=50)
        held = [{p.tenant_id for p in ledger.start_batch(database, batch, "run")} for batch in batches]
        assert sorted(map(len, held)) == [2, 2]
        assert held[0].isdisjoint(held[1])

    def test_a_batch_that_no_run_took_in_hand_costs_no_try(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        for _ in range(3 * ledger.MAX_ATTEMPTS):
            (batch,) = ledger.build_batches(database)
            ledger.set_deadline(database, batch, timedelta(seconds=-1))
        with database.system_tx() as connection:
            assert connection.execute("SELECT state, attempts, deaths FROM work").fetchone() == ("batched", 0, 0)

    def test_what_a_run_had_no_time_for_costs_no_try(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        (batch,) = ledger.build_batches(database)
        ledger.start_batch(database, batch, "run")
        ledger.close_batch(database, batch)
        with database.system_tx() as connection:
            assert connection.execute("SELECT state, attempts FROM work").fetchone() == ("pending", 0)


class TestBackfilledDays:
    def test_come_after_all_others_of_their_tenant(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, *(DAY + timedelta(days=offset) for offset in range(4)))
        deliver(database)
        with database.tenant_tx(tenant) as connection:
            connection.execute("UPDATE work SET job_id = id WHERE partition_day < %s", (DAY + timedelta(days=3),))
        (batch,) = ledger.build_batches(database, per_tenant=2)
        days = [partition.day for partition in ledger.start_batch(database, batch, "run")]
        assert days == [DAY, DAY + timedelta(days=3)]


class TestAPausedTenant:
    def test_has_its_work_wait_and_loses_nothing(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        set_paused(database, tenant, paused=True)
        assert ledger.build_batches(database) == []
        assert ledger.pending_count(database) == 0
        set_paused(database, tenant, paused=False)
        assert ledger.pending_count(database) == 1
        assert len(ledger.build_batches(database)) == 1

    def test_has_its_work_wait_as_well_while_it_is_suspended(self, database: Database, tenant: UUID) -> None:
        announce(database, tenant, DAY)
        deliver(database)
        with database.system_tx() as connection:
            connection.execute("UPDATE tenant SET suspended_at = now() WHERE id = %s", (tenant,))
        assert ledger.build_batches(database) == []
        assert ledger.pending_count(database) == 0
        with database.system_tx() as connection:
            connection.execute("UPDATE tenant SET suspended_at = NULL WHERE id = %s", (tenant,))
        assert len(ledger.build_batches(database)) == 1
