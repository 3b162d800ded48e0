"""Sources by the clock: due ones are read once, by one worker; failing ones back off; paused tenants are left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import pytest
from pydantic import BaseModel

from opsintel.connectors.contract import (
    Check,
    Connector,
    Cursor,
    Manifest,
    ReadItem,
    Watched,
    Window,
)  # fmt: skip
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import CredentialError, RetriableError
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.sources import source as sources
from opsintel.sources.source import Source
from opsintel.tenants import set_paused
from opsintel_pipeline.ingest import schedule
from opsintel_pipeline.ingest.files import import_file
from opsintel_pipeline.worker import polling
from tests.connectors.sources import mail, mbox_entry


@pytest.fixture
def context(settings: Settings, database: Database) -> Context:
    with database.system_tx() as connection:
        connection.execute("DELETE FROM tenant")
        connection.execute("DELETE FROM batch")
    return Context(database, open_objects(settings), settings)


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    path = tmp_path / "mails.mbox"
    path.write_bytes(mbox_entry(mail(1)))
    return path


@pytest.fixture
def source(context: Context, mbox: Path) -> Source:
    """An mbox that is read every minute, and has been just now."""
    return import_file(context, mbox, "acme", poll_seconds=60).source


def make_due(context: Context, column: str = "next_poll_at") -> None:
    with context.database.system_tx() as connection:
        connection.execute(f"UPDATE source SET {column} = now() - interval '1 s'".encode())


def seconds_until(context: Context, column: str = "next_poll_at") -> float:
    with context.database.system_tx() as connection:
        row = connection.execute(f"SELECT extract(epoch FROM {column} - now()) FROM source".encode()).fetchone()
    assert row is not None
    return float(row[0])


def stored(context: Context, source: Source) -> list[str]:
    with context.database.tenant_tx(source.tenant_id) as connection:
        return [row[0] for row in connection.execute("SELECT native_id FROM raw_payload ORDER BY fetched_at, id")]


def state(context: Context, source: Source) -> tuple[str, str]:
    with context.database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute("SELECT state, detail FROM source WHERE id = %s", (source.id,)).fetchone()
    assert row is not None
    return row[0], row[1]


class TestPolling:
    def test_a_file_that_grew_is_read_from_where_it_ended_once_it_is_due(
        self, context: Context, source: Source, mbox: Path
    ) -> None:
        with mbox.open("ab") as file:
            file.write(mbox_entry(mail(2)))
        assert not polling.poll_next(context)
        make_due(context)
        assert polling.poll_next(context)
        assert len(stored(context, source)) == 2
        assert not polling.poll_next(context)
        assert 50 < seconds_until(context) <= 60

    def test_two_workers_never_have_the_same_source(self, context: Context, source: Source) -> None:
        make_due(context)
        assert schedule.take_poll(context.database) == (source.tenant_id, source.id)
        assert schedule.take_poll(context.database) is None

    def test_what_a_dead_worker_had_comes_back_after_its_lease(self, context: Context, source: Source) -> None:
        make_due(context)
        schedule.take_poll(context.database)
        assert 0 < seconds_until(context, "lease_until") <= schedule.LEASE.total_seconds()

    def test_a_long_read_keeps_its_lease(self, context: Context, source: Source) -> None:
        make_due(context)
        schedule.renew_lease(context.database, source)
        assert schedule.take_poll(context.database) is None

    def test_a_source_that_fails_says_why_and_waits_longer_each_time(
        self, context: Context, source: Source, mbox: Path
    ) -> None:
        kept = mbox.rename(mbox.with_suffix(".away"))
        waits = []
        for _ in range(4):
            make_due(context)
            assert polling.poll_next(context)
            waits.append(round(seconds_until(context) / 60))
        assert waits == [2, 4, 8, 16]
        assert state(context, source)[0] == "failing"
        assert str(mbox) in state(context, source)[1]
        kept.rename(mbox)
        make_due(context)
        polling.poll_next(context)
        assert state(context, source) == ("active", "")
        assert round(seconds_until(context)) == 60

    def test_never_waits_longer_than_the_longest_backoff(self, context: Context, source: Source, mbox: Path) -> None:
        mbox.unlink()
        with context.database.system_tx() as connection:
            connection.execute("UPDATE source SET poll_failures = 1000")
        make_due(context)
        polling.poll_next(context)
        assert timedelta(seconds=seconds_until(context)) <= schedule.LONGEST_BACKOFF

    def test_a_passing_fault_is_recorded_too(
        self, context: Context, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise RetriableError("The server is busy", remedy="It is asked again")

        monkeypatch.setattr(polling, "run_feed", fail)
        make_due(context)
        assert polling.poll_next(context)
        assert state(context, source) == ("failing", "The server is busy. It is asked again")

    def test_leaves_a_paused_tenant_alone_until_it_is_resumed(self, context: Context, source: Source) -> None:
        set_paused(context.database, source.tenant_id, paused=True)
        make_due(context)
        assert not polling.poll_next(context)
        set_paused(context.database, source.tenant_id, paused=False)
        assert polling.poll_next(context)

    @pytest.mark.parametrize("paused", ["paused", "disabled"])
    def test_leaves_a_source_alone_that_a_person_stopped(self, context: Context, source: Source, paused: str) -> None:
        sources.set_state(context.database, source, paused)
        make_due(context)
        assert not polling.poll_next(context)

    def test_ends_when_an_import_says_so(self, context: Context, source: Source, mbox: Path) -> None:
        import_file(context, mbox, "acme", poll_seconds=0)
        make_due(context)
        assert not polling.poll_next(context)

    def test_an_import_that_says_nothing_changes_nothing(self, context: Context, source: Source, mbox: Path) -> None:
        import_file(context, mbox, "acme")
        make_due(context)
        assert polling.poll_next(context)


class TestCensus:
    def test_brings_what_a_read_had_missed_and_comes_again_at_the_same_time_of_a_later_day(
        self, context: Context, source: Source
    ) -> None:
        with context.database.tenant_tx(source.tenant_id) as connection:
            connection.execute("DELETE FROM raw_payload")
            connection.execute("UPDATE source SET next_census_at = now() - interval '50 hours'")
        assert polling.count_due(context) == 1
        assert len(stored(context, source)) == 1
        assert round(seconds_until(context, "next_census_at") / 3600) == 22
        assert polling.count_due(context) == 0

    def test_is_spread_over_the_day(self, context: Context, source: Source) -> None:
        with context.database.tenant_tx(source.tenant_id) as connection:
            for _ in range(200):
                connection.execute(
                    "INSERT INTO source (tenant_id, id, kind, name, config, config_key)"
                    " VALUES (%s, %s, 'mbox', '', '{}', %s)",
                    (source.tenant_id, new_id(), new_id().hex),
                )
            row = connection.execute("SELECT count(DISTINCT extract(hour FROM next_census_at)) FROM source").fetchone()
        assert row is not None
        assert row[0] > 12

    def test_of_a_file_that_was_imported_once_is_not_taken(self, context: Context, mbox: Path) -> None:
        import_file(context, mbox, "acme")
        make_due(context, "next_census_at")
        assert polling.count_due(context) == 0

    def test_one_that_fails_does_not_stop_the_others(self, context: Context, source: Source, tmp_path: Path) -> None:
        other = tmp_path / "other.mbox"
        other.write_bytes(mbox_entry(mail(9)))
        import_file(context, other, "acme", poll_seconds=60)
        other.unlink()
        make_due(context, "next_census_at")
        assert polling.count_due(context) == 1


class Nothing(BaseModel):
    """No configuration."""


class Pushing(Connector, Watched):
    """A provider that pushes while its watch lasts."""

    manifest: ClassVar[Manifest] = Manifest("pushing", "Pushing", "", Nothing, push_title="Pushes")
    fault: ClassVar[Exception | None] = None
    until: ClassVar[datetime]

    def renew(self) -> datetime:
        if self.fault is not None:
            raise self.fault
        return self.until

    def check(self) -> Sequence[Check]:
        return ()

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        yield from ()

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        yield from ()

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        yield from ()


class TestRenewals:
    @pytest.fixture
    def watched(self, context: Context, source: Source, monkeypatch: pytest.MonkeyPatch) -> Source:
        real = sources.connector_class
        monkeypatch.setattr(sources, "connector_class", lambda kind: Pushing if kind == "pushing" else real(kind))
        monkeypatch.setattr(Pushing, "until", datetime.fromisoformat("2126-01-01T00:00:00Z"), raising=False)
        return sources.ensure_source(context.database, source.tenant_id, "pushing", "Pushing", {}, "pushing")

    def renewal(self, context: Context, source_id: UUID) -> float:
        with context.database.system_tx() as connection:
            row = connection.execute(
                "SELECT extract(epoch FROM renew_at - now()) FROM source WHERE id = %s", (source_id,)
            ).fetchone()
        assert row is not None
        return float(row[0])

    def test_a_new_source_begins_its_watch_and_renews_it_when_the_provider_says(
        self, context: Context, watched: Source
    ) -> None:
        assert polling.renew_next(context)
        assert self.renewal(context, watched.id) > 3_000_000_000
        assert not polling.renew_next(context)

    def test_one_that_cannot_be_renewed_says_why_and_is_tried_again(
        self, context: Context, watched: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Pushing, "fault", CredentialError("The consent was withdrawn", remedy="Connect it again"))
        assert polling.renew_next(context)
        assert state(context, watched) == ("disabled", "The consent was withdrawn. Connect it again")
        assert 0 < self.renewal(context, watched.id) <= schedule.LEASE.total_seconds()

    def test_a_source_without_a_watch_is_never_renewed(self, context: Context, source: Source) -> None:
        assert not polling.renew_next(context)
