"""What a connector must do at a real account, without a change there. It reads the first items, and little else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property

import pytest

from opsintel.connectors.contract import Checkpoint, Failure, ReadItem, Tombstone, Upsert, Verdict, Window
from opsintel.errors import InputError
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from tests.live.account import LiveAccount

MOST_ITEMS, MOST_PAGES = 200, 3
FETCHED = 5


class ReadOnlyContract:
    """The suite; a subclass gives the account. What was read is shared by its tests."""

    @pytest.fixture
    def account(self) -> LiveAccount:
        raise NotImplementedError

    @pytest.fixture
    def first(self, account: LiveAccount) -> First:
        return First(account)

    def test_its_checks_pass(self, account: LiveAccount) -> None:
        checks = account.connector().check()
        assert checks
        assert [check for check in checks if check.required and check.verdict is not Verdict.PASSED] == []

    def test_an_unknown_stream_is_refused(self, account: LiveAccount) -> None:
        with pytest.raises(InputError, match="stream"):
            list(account.connector().read("elsewhere", None))

    def test_items_are_whole_and_each_is_there_once(self, first: First) -> None:
        assert first.upserts, "the account is empty"
        places = Counter((item.native_id, item.version) for item in first.upserts)
        assert [place for place, count in places.items() if count > 1] == []
        for item in first.upserts:
            assert item.version
            assert item.payload
            assert item.occurred_at is not None
            assert item.occurred_at.utcoffset() == timedelta(0)
        assert [item for item in first.items if isinstance(item, Failure) and not item.retryable] == []

    def test_items_become_messages(self, first: First) -> None:
        for item in first.upserts:
            message = parse_payload(item.payload, item.format, item.native_id, context=NormalizeContext())
            assert message.occurred_at is not None

    def test_reading_goes_on_behind_a_checkpoint(self, first: First, account: LiveAccount) -> None:
        checkpoint = next((item for item in first.items if isinstance(item, Checkpoint)), None)
        assert checkpoint is not None
        place = first.items.index(checkpoint)
        known = {(item.native_id, item.version) for item in first.items[:place] if isinstance(item, Upsert)}
        after = first_of(account.connector().read("messages", checkpoint.cursor))
        again = known & {(item.native_id, item.version) for item in after if isinstance(item, Upsert)}
        assert len(again) <= place

    def test_fetch_gives_the_same_items(self, first: First, account: LiveAccount) -> None:
        wanted = {item.native_id: item for item in first.latest.values()}
        keys = list(wanted)[:FETCHED]
        fetched = list(account.connector().fetch(keys))
        found = {item.native_id: item for item in fetched if isinstance(item, Upsert)}
        gone = {item.native_id for item in fetched if isinstance(item, Tombstone)}
        assert found.keys() | gone == set(keys), "what was deleted meanwhile is a tombstone"
        assert found == {key: wanted[key] for key in found}

    def test_fetch_of_what_was_never_there_stops_nobody(self, first: First, account: LiveAccount) -> None:
        key = next(iter(first.latest))
        items = list(account.connector().fetch(["no such key", key]))
        assert key in {item.native_id for item in items if isinstance(item, Upsert)}

    def test_census_of_a_window_names_what_was_read_in_it(self, first: First, account: LiveAccount) -> None:
        newest = max(item.occurred_at for item in first.latest.values() if item.occurred_at is not None)
        window = Window(newest - timedelta(hours=1), newest + timedelta(seconds=1))
        counted = dict(account.connector().census(window))
        assert all(window.holds(moment) for moment in counted.values())
        read = {key: item.occurred_at for key, item in first.latest.items() if window.holds(item.occurred_at)}
        assert read
        assert {key: counted.get(key) for key in read} == read


class First:
    """The first items that an account gives."""

    def __init__(self, account: LiveAccount) -> None:
        self._account = account

    @cached_property
    def items(self) -> list[ReadItem]:
        return first_of(self._account.connector().read("messages", None))

    @property
    def upserts(self) -> list[Upsert]:
        return [item for item in self.items if isinstance(item, Upsert)]

    @property
    def latest(self) -> dict[str, Upsert]:
        return {item.native_id: item for item in self.upserts}


def first_of(items: Iterator[ReadItem]) -> list[ReadItem]:
    """Return some pages, and end a reading there."""
    found: list[ReadItem] = []
    pages = 0
    for item in items:
        found.append(item)
        pages += isinstance(item, Checkpoint)
        if pages >= MOST_PAGES and len(found) >= MOST_ITEMS:
            break
    return found
