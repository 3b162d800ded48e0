"""Sources at a provider, read by the clock: faults by their kind, items that fail, deletions, and the daily count."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.connectors.contract import Failure, ReadItem, Tombstone
from opsintel.context import Context
from opsintel.errors import BusyError, CredentialError, OpsintelError, UnavailableError
from opsintel.sources.control import Change, change_source
from opsintel.sources.source import Source
from opsintel.tenants import Tenant
from opsintel_pipeline.ingest import census
from opsintel_pipeline.ingest.feed import FeedResult, store_items
from opsintel_pipeline.ingest.mend import release_quarantined
from opsintel_pipeline.ingest.pages import FIRST_PAUSE, TRIES
from opsintel_pipeline.worker import polling
from opsintel_pipeline.worker.inline import process_waiting
from tests.sources.fake_kind import Desk, FakeConnector, record


class Seen:
    """What stands in the tables of a tenant."""

    def __init__(self, context: Context, source: Source) -> None:
        self.context, self.source = context, source

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.context.database.tenant_tx(self.source.tenant_id) as connection:
            return connection.execute(statement.encode()).fetchall()

    def change(self, statement: str) -> None:
        with self.context.database.tenant_tx(self.source.tenant_id) as connection:
            connection.execute(statement.encode())

    def state(self) -> tuple[Any, ...]:
        return self.rows("SELECT state, detail FROM source")[0]

    def stored(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT native_id || '@' || version FROM raw_payload ORDER BY 1")]

    def make_due(self, column: str = "next_poll_at") -> None:
        self.change(f"UPDATE source SET {column} = now() - interval '1 s', lease_until = NULL")


@pytest.fixture
def seen(context: Context, source: Source) -> Seen:
    return Seen(context, source)


def poll(seen: Seen) -> None:
    seen.make_due()
    assert polling.poll_next(seen.context)


class TestFaults:
    def test_a_credential_that_a_person_has_to_mend_disables_the_source_with_the_remedy(
        self, context: Context, seen: Seen, desk: Desk
    ) -> None:
        desk.fault = CredentialError("The token was revoked", remedy="Authorise it again")
        poll(seen)
        assert seen.state() == ("disabled", "The token was revoked. Authorise it again")
        seen.make_due()
        assert not polling.poll_next(context)
        desk.fault = None
        change_source(context, seen.source.tenant_id, seen.source.id, Change(credential={"token": "another"}), SYSTEM)
        assert polling.poll_next(context)
        assert seen.state() == ("active", "")

    def test_a_passing_fault_makes_it_fail_and_be_read_again_later(
        self, context: Context, seen: Seen, desk: Desk
    ) -> None:
        desk.fault = UnavailableError("The desk is away", remedy="It is tried again")
        poll(seen)
        assert seen.state() == ("failing", "The desk is away. It is tried again")
        assert seen.rows("SELECT poll_failures, next_poll_at > now() + interval '1 minute' FROM source") == [(1, True)]
        assert not polling.poll_next(context)
        desk.fault = None
        poll(seen)
        assert seen.state() == ("active", "")

    def test_a_limit_of_the_provider_is_no_failure(self, context: Context, seen: Seen, desk: Desk) -> None:
        desk.put(record(1))
        desk.fault = BusyError("The desk takes no more requests", seconds=600)
        poll(seen)
        assert seen.state() == ("active", "")
        assert seen.rows(
            "SELECT poll_failures, next_poll_at BETWEEN now() + interval '9 minutes' AND now() + interval '10 minutes'"
            " FROM source"
        ) == [(0, True)]
        assert not polling.poll_next(context)

    def test_a_process_that_is_to_stop_leaves_the_source_as_it_was(
        self, context: Context, seen: Seen, desk: Desk
    ) -> None:
        stop = threading.Event()
        stop.set()
        desk.fault = UnavailableError("The process is to stop")
        seen.make_due()
        assert polling.poll_next(context, stop)
        assert seen.state() == ("active", "")
        assert polling.poll_next(context)


class TestNews:
    def test_of_a_source_that_is_being_read_are_read_afterwards(self, context: Context, seen: Seen) -> None:
        from opsintel_pipeline.ingest import schedule

        seen.make_due()
        taken = schedule.take_poll(context.database)
        assert taken is not None
        began = datetime.now(UTC) - timedelta(seconds=1)
        schedule.has_news(context.database, seen.source)
        assert schedule.take_poll(context.database) is None
        schedule.has_been_read(context.database, seen.source, began)
        assert schedule.take_poll(context.database) == taken


class TestItemsThatFail:
    def fail(self, desk: Desk, *, retryable: bool = True) -> None:
        desk.put(record(1), record(2))
        desk.broken["t1"] = Failure("ticket", "t1", "the desk had a fault", retryable=retryable)

    def test_are_rows_and_the_others_go_on(self, seen: Seen, desk: Desk) -> None:
        self.fail(desk)
        poll(seen)
        assert seen.stored() == ["t2@1"]
        assert seen.rows("SELECT key, attempts, next_at > now(), quarantined_at FROM ingest_failure") == [
            ("t1", 1, True, None)
        ]
        assert seen.state() == ("active", "")

    def test_are_tried_again_in_their_time_and_mended(self, context: Context, seen: Seen, desk: Desk) -> None:
        self.fail(desk)
        poll(seen)
        assert not polling.retry_next(context)
        seen.change("UPDATE ingest_failure SET next_at = now()")
        assert polling.retry_next(context)
        row = seen.rows("SELECT attempts, extract(epoch FROM next_at - now()) FROM ingest_failure")[0]
        assert row[0] == 2
        assert float(row[1]) == pytest.approx(2 * FIRST_PAUSE.total_seconds(), abs=60)
        desk.broken.clear()
        seen.change("UPDATE ingest_failure SET next_at = now()")
        assert polling.retry_next(context)
        assert seen.stored() == ["t1@1", "t2@1"]
        assert seen.rows("SELECT resolved_at IS NOT NULL, next_at FROM ingest_failure") == [(True, None)]
        assert not polling.retry_next(context)

    def test_are_set_aside_after_many_tries_until_a_person_releases_them(
        self, context: Context, seen: Seen, desk: Desk
    ) -> None:
        self.fail(desk)
        poll(seen)
        tries = 0
        while seen.rows("SELECT FROM ingest_failure WHERE next_at IS NOT NULL"):
            seen.change("UPDATE ingest_failure SET next_at = now()")
            assert polling.retry_next(context)
            tries += 1
        assert tries == TRIES - 1
        assert seen.rows("SELECT attempts, quarantined_at IS NOT NULL FROM ingest_failure") == [(TRIES, True)]
        assert release_quarantined(context, seen.source) == 1
        desk.broken.clear()
        assert polling.retry_next(context)
        assert seen.stored() == ["t1@1", "t2@1"]

    def test_that_never_can_be_read_are_set_aside_at_once(self, context: Context, seen: Seen, desk: Desk) -> None:
        self.fail(desk, retryable=False)
        poll(seen)
        assert seen.rows("SELECT next_at, quarantined_at IS NOT NULL FROM ingest_failure") == [(None, True)]
        assert not polling.retry_next(context)

    @pytest.mark.parametrize(
        "fault", [BusyError("Busy", seconds=60), UnavailableError("Away")], ids=["limit", "outage"]
    )
    def test_a_fault_of_the_whole_provider_counts_for_no_item(
        self, context: Context, seen: Seen, desk: Desk, fault: OpsintelError
    ) -> None:
        self.fail(desk)
        poll(seen)
        for _ in range(TRIES + 1):
            desk.fault = fault
            seen.change("UPDATE ingest_failure SET next_at = now()")
            polling.retry_next(context)
        assert seen.rows("SELECT attempts, quarantined_at FROM ingest_failure") == [(1, None)]

    def test_one_that_is_gone_is_mended_by_its_tombstone(self, context: Context, seen: Seen, desk: Desk) -> None:
        self.fail(desk)
        poll(seen)
        desk.broken.clear()
        desk.gone.add("t1")
        seen.change("UPDATE ingest_failure SET next_at = now()")
        assert polling.retry_next(context)
        assert seen.rows("SELECT resolved_at IS NOT NULL FROM ingest_failure") == [(True,)]
        assert seen.stored() == ["t2@1"]


class TestDeletions:
    def test_found_by_the_count_reach_everything_derived_and_what_comes_back_lives_again(
        self, context: Context, tenant: Tenant, seen: Seen, desk: Desk
    ) -> None:
        texts = "SELECT text FROM message WHERE deleted_at IS NULL"
        live = "SELECT count(*) FROM message_occurrence WHERE deleted_at IS NULL"
        desk.put(record(1))
        poll(seen)
        process_waiting(context)
        assert [text for (text,) in seen.rows(texts)] == ["The export of report 1 fails, version 1."]
        desk.gone.add("t1")
        census.take_census(context, tenant, seen.source)
        process_waiting(context)
        assert (seen.rows(texts), seen.rows(live)) == ([], [(0,)])
        assert seen.rows("SELECT count(*) FROM analysis") == [(0,)]
        desk.gone.clear()
        census.take_census(context, tenant, seen.source)
        process_waiting(context)
        assert [text for (text,) in seen.rows(texts)] == ["The export of report 1 fails, version 1."]
        assert seen.rows(live) == [(1,)]
        assert seen.rows("SELECT count(*) FROM analysis WHERE current") == [(1,)]
        assert seen.stored() == ["t1@1", "t1@1~2", "t1@deleted"]
        desk.gone.add("t1")
        census.take_census(context, tenant, seen.source)
        process_waiting(context)
        assert (seen.rows(texts), seen.rows(live)) == ([], [(0,)])

    def test_that_are_told_twice_are_one(self, context: Context, tenant: Tenant, seen: Seen, desk: Desk) -> None:
        desk.put(record(1))
        poll(seen)
        desk.gone.add("t1")
        for _ in range(2):
            census.take_census(context, tenant, seen.source)
        assert seen.stored() == ["t1@1", "t1@deleted"]
        assert desk.fetched == ["t1"]

    def test_do_not_count_as_stored(self, context: Context, tenant: Tenant, seen: Seen, desk: Desk) -> None:
        desk.put(record(1), record(2))
        poll(seen)
        desk.gone.add("t1")
        census.take_census(context, tenant, seen.source)
        process_waiting(context)
        assert seen.rows("SELECT sum(census), sum(stored), sum(analysed) FROM fact_source_day") == [(1, 1, 1)]


class TestVersions:
    def test_one_that_an_item_had_before_is_an_edit_again(
        self, context: Context, tenant: Tenant, seen: Seen, desk: Desk
    ) -> None:
        for version in (1, 2, 1, 1, 2):
            desk.put(record(1, version=version))
            store_items(context, tenant, seen.source, "push", [desk.items["t1"]], FeedResult())
        process_waiting(context)
        assert seen.stored() == ["t1@1", "t1@1~2", "t1@2", "t1@2~3"]
        assert seen.rows("SELECT text FROM message") == [("The export of report 1 fails, version 2.",)]

    def test_a_page_that_was_asked_for_before_the_latest_was_stored_brings_none_back(
        self, context: Context, tenant: Tenant, seen: Seen
    ) -> None:
        def late() -> Iterator[ReadItem]:
            store_items(context, tenant, seen.source, "push", [record(1, version=2)], FeedResult())
            yield record(1, version=1)

        store_items(context, tenant, seen.source, "push", [record(1, version=1)], FeedResult())
        store_items(context, tenant, seen.source, "messages", late(), FeedResult())
        assert seen.stored() == ["t1@1", "t1@2"]

    @pytest.mark.parametrize("rounds", [1, 2])
    def test_deletions_and_returns_alternate_as_often_as_they_like(
        self, context: Context, tenant: Tenant, seen: Seen, rounds: int
    ) -> None:
        for _ in range(rounds):
            for item in (record(1), record(1), Tombstone("t1", None), Tombstone("t1", None)):
                store_items(context, tenant, seen.source, "push", [item], FeedResult())
        assert len(seen.stored()) == 2 * rounds
        process_waiting(context)
        assert seen.rows("SELECT count(*) FROM message WHERE deleted_at IS NULL") == [(0,)]


class TestParts:
    def test_of_what_is_gone_are_gone_with_it_and_come_back_with_it(
        self, context: Context, tenant: Tenant, seen: Seen, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FakeConnector, "manifest", replace(FakeConnector.manifest, has_parts=True))
        parts = [replace(record(number), native_id=name) for number, name in enumerate(("7", "7/1", "7/2", "70/1"))]
        store_items(context, tenant, seen.source, "push", parts, FeedResult())
        store_items(context, tenant, seen.source, "push", [Tombstone("7/2", None), Tombstone("7", None)], FeedResult())
        living = "SELECT native_id FROM message_occurrence WHERE deleted_at IS NULL ORDER BY 1"
        process_waiting(context)
        assert seen.rows(living) == [("70/1",)]
        assert seen.stored() == ["7/1@1", "7/1@deleted", "7/2@1", "7/2@deleted", "70/1@1", "7@1", "7@deleted"]
        store_items(context, tenant, seen.source, "push", parts[:2], FeedResult())
        process_waiting(context)
        assert seen.rows(living) == [("7",), ("7/1",), ("70/1",)]

    def test_are_nobody_s_where_ids_only_look_like_it(self, context: Context, tenant: Tenant, seen: Seen) -> None:
        items = [replace(record(number), native_id=name) for number, name in enumerate(("7", "7/1"))]
        store_items(context, tenant, seen.source, "push", [*items, Tombstone("7", None)], FeedResult())
        assert seen.stored() == ["7/1@1", "7@1", "7@deleted"]


class TestCount:
    def test_comes_by_the_clock_once_a_source_was_read(self, context: Context, seen: Seen, desk: Desk) -> None:
        seen.make_due("next_census_at")
        assert not polling.count_next(context)
        poll(seen)
        desk.put(record(3))
        seen.make_due("next_census_at")
        assert polling.count_next(context)
        assert seen.stored() == ["t3@1"]
        assert [window.start for window in desk.counted] == [None]

    def test_of_a_large_source_is_of_the_latest_days_and_leaves_the_others_as_they_were(
        self, context: Context, tenant: Tenant, seen: Seen, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = datetime.now(UTC) - timedelta(days=100)
        desk.put(record(1, at=old), record(2))
        poll(seen)
        census.take_census(context, tenant, seen.source)
        monkeypatch.setattr(census, "LARGE", 1)
        first = census.first_day_of(context, tenant, seen.source)
        weekly = datetime.now(UTC).date().toordinal() % 7 == seen.source.id.int % 7
        assert first == (None if weekly else datetime.now(UTC).date() - timedelta(days=census.RECENT_DAYS))
        recent = datetime.now(UTC).date() - timedelta(days=census.RECENT_DAYS)
        del desk.items["t1"]  # what the window does not hold is not looked for
        desk.put(record(4))
        census.take_census(context, tenant, seen.source, recent)
        assert desk.counted[-1].start == datetime.combine(recent, datetime.min.time(), tzinfo=UTC)
        assert seen.stored() == ["t1@1", "t2@1", "t4@1"]
        counts: dict[date, int] = dict(seen.rows("SELECT day, census FROM fact_source_day"))  # type: ignore[arg-type]
        assert counts[old.date()] == 1
        assert sum(counts.values()) == 3

    def test_is_not_made_by_every_batch_of_what_was_just_read(self, context: Context, seen: Seen, desk: Desk) -> None:
        desk.put(record(1))
        poll(seen)
        process_waiting(context)
        assert desk.counted == []
