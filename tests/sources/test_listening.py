"""Sources that are heard on a connection of ours: one process each, nothing lost, no harm by a fault."""

from __future__ import annotations

import threading
from uuid import UUID

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.coordination.contract import Key, Lock
from opsintel.errors import CredentialError
from opsintel.sources.control import Change, change_source
from opsintel.sources.source import Source
from opsintel_pipeline.worker import listening, polling
from tests.sources.fake_kind import Desk, record
from tests.sources.test_feed import Seen, poll


def lock_of(context: Context, source: Source) -> Lock:
    lock = context.coordinator.lock(Key(source.tenant_id, f"listen:{source.id}"), listening.LEASE)
    assert lock is not None
    return lock


def hear(context: Context, source: Source) -> None:
    listening.hear(context, source, lock_of(context, source), threading.Event())


class TestHear:
    def test_what_is_told_is_kept_then_read(self, context: Context, source: Source, desk: Desk) -> None:
        seen = Seen(context, source)
        desk.put(record(1), record(2))
        desk.told = [("t1",), (), ("t2",)]
        hear(context, source)
        assert desk.told == []
        assert seen.rows("SELECT keys FROM push_receipt ORDER BY received_at, id") == [(["t1"],), (["t2"],)]
        assert polling.read_pushes(context)
        assert seen.stored() == ["t1@1", "t2@1"]

    def test_a_source_that_is_paused_meanwhile_is_heard_no_more(
        self, context: Context, source: Source, desk: Desk
    ) -> None:
        change_source(context, source.tenant_id, source.id, Change(paused=True), SYSTEM)
        desk.told = [(), ("t1",)]
        hear(context, source)
        assert Seen(context, source).rows("SELECT FROM push_receipt") == []

    def test_a_lock_that_was_lost_ends_it(self, context: Context, source: Source, desk: Desk) -> None:
        lock = lock_of(context, source)
        context.coordinator.unlock(lock)
        desk.told = [(), ("t1",)]
        listening.hear(context, source, lock, threading.Event())
        assert Seen(context, source).rows("SELECT FROM push_receipt") == []

    def test_a_fault_says_nothing_about_the_source_and_frees_the_lock(
        self, context: Context, source: Source, desk: Desk
    ) -> None:
        desk.fault = CredentialError("There is no app-level token", remedy="Add one")
        hear(context, source)
        assert Seen(context, source).state() == ("active", "")
        lock_of(context, source)


class TestWhich:
    def test_are_those_of_live_kinds_that_were_read_and_are_not_stopped(self, context: Context, source: Source) -> None:
        wanted: list[tuple[UUID, UUID]] = [(source.tenant_id, source.id)]
        assert listening.live_sources(context) == []
        poll(Seen(context, source))
        assert listening.live_sources(context) == wanted
        change_source(context, source.tenant_id, source.id, Change(paused=True), SYSTEM)
        assert listening.live_sources(context) == []

    def test_are_heard_until_the_process_stops(self, context: Context, source: Source, desk: Desk) -> None:
        poll(Seen(context, source))
        desk.put(record(5))
        desk.told = [("t5",)]
        stop = threading.Event()
        listener = threading.Thread(target=listening.run, args=(context, stop))
        listener.start()
        for _ in range(1500):
            if not desk.told:
                break
            stop.wait(0.02)
        stop.set()
        listener.join()
        assert Seen(context, source).rows("SELECT keys FROM push_receipt") == [(["t5"],)]
