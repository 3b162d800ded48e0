"""What every connector must do, inherited by the short test of each.

A subclass says how its source is made, grown and broken; the suite checks what the product relies on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

import pytest

from opsintel.connectors.contract import (
    Checkpoint,
    Connector,
    Cursor,
    Failure,
    ReadItem,
    Tombstone,
    Upsert,
    Verdict,
    Window,
)
from opsintel.connectors.detect import detect_kind
from opsintel.connectors.registry import connector_class
from opsintel.errors import InputError

STREAM = "messages"


def open_source(kind: str, path: Path, **config: object) -> Connector:
    found = connector_class(kind)
    return found(found.manifest.config_model.model_validate({"path": str(path), **config}))


def upserts(items: Iterable[ReadItem]) -> list[Upsert]:
    return [item for item in items if isinstance(item, Upsert)]


def failures(items: Iterable[ReadItem]) -> list[Failure]:
    return [item for item in items if isinstance(item, Failure)]


def last_cursor(items: Iterable[ReadItem]) -> Cursor:
    return [item.cursor for item in items if isinstance(item, Checkpoint)][-1]


class ConnectorContract(ABC):
    kind: str

    @abstractmethod
    def make(self, folder: Path, numbers: Iterable[int]) -> Path:
        """Make a source with one item for each number, and return its path."""

    @abstractmethod
    def grow(self, path: Path, numbers: Iterable[int]) -> None:
        """Add an item for each number."""

    @abstractmethod
    def spoil(self, path: Path) -> None:
        """Add an item that cannot be read, and a good one numbered 900 behind it."""

    @abstractmethod
    def hostile(self, folder: Path) -> Path:
        """Make a source that tries to make the reader crash, hang, or read elsewhere."""

    def open(self, path: Path) -> Connector:
        return open_source(self.kind, path)

    def test_is_found_by_its_folder(self) -> None:
        assert connector_class(self.kind).manifest.kind == self.kind

    def test_is_recognised_by_content(self, tmp_path: Path) -> None:
        assert detect_kind(self.make(tmp_path, range(3))) == self.kind

    def test_check_passes_for_a_good_source(self, tmp_path: Path) -> None:
        connector = self.open(self.make(tmp_path, range(3)))
        assert {check.verdict for check in connector.check()} == {Verdict.PASSED}
        connector.check_usable()

    def test_a_missing_path_is_one_clear_line_with_a_remedy(self, tmp_path: Path) -> None:
        connector = self.open(tmp_path / "nowhere")
        with pytest.raises(InputError) as caught:
            list(connector.read(STREAM, None))
        assert "nowhere" in caught.value.line()
        assert "\n" not in caught.value.line()
        assert caught.value.remedy
        with pytest.raises(InputError):
            connector.check_usable()

    def test_an_unknown_stream_is_refused(self, tmp_path: Path) -> None:
        connector = self.open(self.make(tmp_path, range(3)))
        with pytest.raises(InputError, match="stream"):
            list(connector.read("elsewhere", None))

    def test_reads_every_item_once(self, tmp_path: Path) -> None:
        items = list(self.open(self.make(tmp_path, range(7))).read(STREAM, None))
        assert len(upserts(items)) == len({item.native_id for item in upserts(items)}) == 7
        assert not failures(items)
        assert all(item.occurred_at is not None for item in upserts(items))
        assert isinstance(items[-1], Checkpoint)

    def test_an_unchanged_source_gives_nothing(self, tmp_path: Path) -> None:
        connector = self.open(self.make(tmp_path, range(7)))
        cursor = last_cursor(connector.read(STREAM, None))
        assert list(connector.read(STREAM, cursor)) == []

    def test_a_grown_source_gives_only_what_is_new(self, tmp_path: Path) -> None:
        path = self.make(tmp_path, range(7))
        first = list(self.open(path).read(STREAM, None))
        self.grow(path, range(7, 10))
        second = list(self.open(path).read(STREAM, last_cursor(first)))
        old = {item.native_id for item in upserts(first)}
        assert len(upserts(second)) == 3
        assert not old & {item.native_id for item in upserts(second)}
        assert not [item for item in second if isinstance(item, Tombstone)]

    def test_the_same_items_have_the_same_ids_and_versions_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        here, there = (
            {(item.native_id, item.version) for item in upserts(self.open(path).read(STREAM, None))}
            for path in (self.make(tmp_path / "a", range(4)), self.make(tmp_path / "b", range(4)))
        )
        assert here == there

    def test_resumes_from_each_checkpoint_without_loss_or_repeat(self, tmp_path: Path) -> None:
        path = self.make(tmp_path, range(1203))
        items = list(self.open(path).read(STREAM, None))
        places = [index for index, item in enumerate(items) if isinstance(item, Checkpoint)]
        assert len(places) >= 3
        everything = [item.native_id for item in upserts(items)]
        for place in places:
            checkpoint = items[place]
            assert isinstance(checkpoint, Checkpoint)
            before = [item.native_id for item in upserts(items[:place])]
            after = [item.native_id for item in upserts(self.open(path).read(STREAM, checkpoint.cursor))]
            assert before + after == everything

    def test_pages_are_bounded(self, tmp_path: Path) -> None:
        count = 0
        for item in self.open(self.make(tmp_path, range(1203))).read(STREAM, None):
            count = 0 if isinstance(item, Checkpoint) else count + 1
            assert count <= 500

    def test_a_broken_item_is_a_failure_and_the_others_go_on(self, tmp_path: Path) -> None:
        path = self.make(tmp_path, range(5))
        self.spoil(path)
        items = list(self.open(path).read(STREAM, None))
        assert len(upserts(items)) == 6
        assert len(failures(items)) == 1
        assert failures(items)[0].reason
        assert list(self.open(path).read(STREAM, last_cursor(items))) == []

    def test_census_counts_what_is_read(self, tmp_path: Path) -> None:
        path = self.make(tmp_path, range(5))
        self.spoil(path)
        connector = self.open(path)
        counted = list(connector.census(Window()))
        read = {item.native_id: item.occurred_at for item in upserts(connector.read(STREAM, None))}
        assert len(counted) == len(read)
        assert dict(counted) == read

    def test_census_of_a_window_leaves_out_other_days(self, tmp_path: Path) -> None:
        connector = self.open(self.make(tmp_path, range(5)))
        times = sorted(time for _, time in connector.census(Window()) if time is not None)
        inside = list(connector.census(Window(times[1], times[3])))
        assert sorted(time for _, time in inside if time is not None) == times[1:3]

    def test_fetch_gives_the_same_items(self, tmp_path: Path) -> None:
        connector = self.open(self.make(tmp_path, range(5)))
        read = upserts(connector.read(STREAM, None))
        wanted = {item.native_id for item in read[1:3]}
        assert list(connector.fetch(wanted)) == read[1:3]
        assert list(connector.fetch([])) == []

    def test_fetch_of_what_is_gone_is_a_failure(self, tmp_path: Path) -> None:
        (failure,) = self.open(self.make(tmp_path, range(2))).fetch(["gone"])
        assert isinstance(failure, Failure)
        assert failure.key == "gone"

    @pytest.mark.parametrize("cursor", [{}, {"offset": "x"}, {"seen": 5, "index": []}, {"offset": 10**9, "last": -1}])
    def test_a_cursor_that_is_not_ours_means_reading_all(self, tmp_path: Path, cursor: Cursor) -> None:
        assert len(upserts(self.open(self.make(tmp_path, range(5))).read(STREAM, cursor))) == 5

    def test_a_hostile_source_ends_in_failures_or_one_clear_error(self, tmp_path: Path) -> None:
        connector = self.open(self.hostile(tmp_path))
        try:
            items = list(connector.read(STREAM, None))
        except InputError as error:
            items = [Failure("source", str(error), error.line(), retryable=False)]
            assert error.remedy  # noqa: PT017
        for item in items:
            if isinstance(item, Upsert):
                assert b"root:" not in item.payload
                assert "\x00" not in item.native_id + item.channel
                (item.native_id + item.channel).encode()
            if isinstance(item, Failure):
                assert "\x00" not in item.key + item.reason
                (item.key + item.reason).encode()
