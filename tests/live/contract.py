"""What a connector must do at a real account, without a change there. It reads the first items, and little else."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from opsintel.connectors.contract import Checkpoint, Failure, Tombstone, Upsert, Verdict, Window
from opsintel.errors import InputError
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from tests.live.account import LiveAccount

FETCHED = 5


class ReadOnlyContract:
    """The suite; the fixture `account` is the module's own."""

    def test_its_checks_pass(self, account: LiveAccount) -> None:
        checks = account.connector().check()
        assert checks
        assert [check for check in checks if check.required and check.verdict is not Verdict.PASSED] == []

    def test_an_unknown_stream_is_refused(self, account: LiveAccount) -> None:
        with pytest.raises(InputError, match="stream"):
            list(account.connector().read("elsewhere", None))

    def test_items_are_whole_and_each_is_there_once(self, account: LiveAccount) -> None:
        assert account.upserts, "the account is empty"
        places = Counter((item.native_id, item.version) for item in account.upserts)
        assert [place for place, count in places.items() if count > 1] == []
        for item in account.upserts:
            assert item.version
            assert item.payload
            assert item.occurred_at is not None
            assert item.occurred_at.utcoffset() == timedelta(0)
        assert [item for item in account.items if isinstance(item, Failure) and not item.retryable] == []

    def test_items_become_messages(self, account: LiveAccount) -> None:
        for item in account.upserts:
            message = parse_payload(item.payload, item.format, item.native_id, context=NormalizeContext())
            assert message.occurred_at is not None

    def test_reading_goes_on_behind_a_checkpoint(self, account: LiveAccount) -> None:
        checkpoint = next((item for item in account.items if isinstance(item, Checkpoint)), None)
        assert checkpoint is not None
        place = account.items.index(checkpoint)
        known = {(item.native_id, item.version) for item in account.items[:place] if isinstance(item, Upsert)}
        after = account.first_of(account.connector().read("messages", checkpoint.cursor))
        again = known & {(item.native_id, item.version) for item in after if isinstance(item, Upsert)}
        assert len(again) <= place

    def test_fetch_gives_the_same_items(self, account: LiveAccount) -> None:
        wanted = {item.native_id: item for item in account.latest.values()}
        keys = list(wanted)[:FETCHED]
        fetched = list(account.connector().fetch(keys))
        found = {item.native_id: item for item in fetched if isinstance(item, Upsert)}
        gone = {item.native_id for item in fetched if isinstance(item, Tombstone)}
        assert found.keys() | gone == set(keys), "what was deleted meanwhile is a tombstone"
        assert found == {key: wanted[key] for key in found}

    def test_fetch_of_what_was_never_there_stops_nobody(self, account: LiveAccount) -> None:
        key = next(iter(account.latest))
        items = list(account.connector().fetch(["no such key", key]))
        assert key in {item.native_id for item in items if isinstance(item, Upsert)}

    def test_census_of_a_window_names_what_was_read_in_it(self, account: LiveAccount) -> None:
        newest = max(item.occurred_at for item in account.latest.values() if item.occurred_at is not None)
        window = Window(newest - timedelta(hours=1), newest + timedelta(seconds=1))
        counted = dict(account.connector().census(window))
        assert all(window.holds(moment) for moment in counted.values())
        read = {key: item.occurred_at for key, item in account.latest.items() if window.holds(item.occurred_at)}
        assert read
        assert {key: counted.get(key) for key in read} == read
