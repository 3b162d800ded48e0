"""What every connector of a remote provider must do, inherited by the short test of each.

A subclass yields a `RemotePeer`: a provider that runs on this machine, whose items a test can add, edit and delete, and
whose answers it can spoil. Items are named by number, 0 upwards, later ones younger. The suite knows no provider.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice, pairwise
from typing import ClassVar

import pytest

from opsintel.connectors.contract import (
    Checkpoint,
    Connector,
    Cursor,
    Delivery,
    Failure,
    Pushed,
    ReadItem,
    Tombstone,
    Upsert,
    Verdict,
    Window,
)
from opsintel.connectors.registry import all_manifests, connector_class
from opsintel.errors import CredentialError, InputError, RetriableError, SignatureError
from tests.connectors.contract import failures, last_cursor, upserts

MOST_RESUMPTIONS = 20
"""More than any fault of this suite needs; a connector that never gets on fails rather than loops."""


class Fault(StrEnum):
    """What can happen to a request."""

    LIMITED = "limited"
    """429, or what the provider has instead, with its usual headers."""
    BUSY = "busy"
    """503."""
    BROKEN = "broken"
    """500, or what the provider has instead."""
    CUT = "cut"
    """The connection ends before the answer does."""


@dataclass(frozen=True)
class Push:
    """A request that the provider makes to us, and the secret that it signs with."""

    headers: Mapping[str, str]
    body: bytes
    secret: bytes


class RemotePeer(ABC):
    """A provider that runs for one test, with a credential that it takes."""

    @abstractmethod
    def connector(self) -> Connector:
        """Return a new connector, with a connection of its own (`MemoryConnection`)."""

    @abstractmethod
    def add(self, numbers: Iterable[int]) -> None:
        """Add an item for each number."""

    @abstractmethod
    def edit(self, number: int) -> None:
        """Change an item as somebody at the provider would: its text, or its labels where texts never change."""

    @abstractmethod
    def delete(self, number: int) -> None:
        """Delete an item for good."""

    @abstractmethod
    def native_id(self, number: int) -> str:
        """Return the native id that the connector is to give an item."""

    @property
    @abstractmethod
    def requests(self) -> int:
        """Return how many requests it took since its start: those of `fail` are counted likewise."""

    @abstractmethod
    def fail(self, fault: Fault, after: int = 0, times: int | None = 1) -> None:
        """Spoil `times` requests (None: all) once `after` more were answered well; `times=0` takes it back."""

    @abstractmethod
    def revoke(self) -> None:
        """Refuse the credential from now on, and any renewal of it."""

    @abstractmethod
    def silence(self) -> None:
        """Take connections from now on and answer none: requests run into their time limit, which is short here."""

    def push(self, number: int) -> Push | None:
        """Return what the provider would send of an item's change; None where it does not push by HTTP."""
        del number
        return None


def resumed(peer: RemotePeer, stream: str, cursor: Cursor | None = None) -> list[ReadItem]:
    """Read as the product does: after a passing fault a new connector goes on from the last checkpoint."""
    items: list[ReadItem] = []
    for _ in range(MOST_RESUMPTIONS):
        try:
            for item in peer.connector().read(stream, cursor):
                items.append(item)
                cursor = item.cursor if isinstance(item, Checkpoint) else cursor
        except RetriableError:
            continue
        return items
    raise AssertionError("the connector never came to the end")


def state(items: Iterable[ReadItem]) -> dict[str, Upsert]:
    """Return what is stored after all items: the last version of each that was not deleted."""
    found: dict[str, Upsert] = {}
    for item in items:
        if isinstance(item, Upsert):
            found[item.native_id] = item
        elif isinstance(item, Tombstone):
            found.pop(item.native_id, None)
    return found


def tombstones(items: Iterable[ReadItem]) -> list[str]:
    """Return the ids of what was deleted."""
    return [item.native_id for item in items if isinstance(item, Tombstone)]


@dataclass
class Pages:
    """Items between checkpoints: what a reader that is killed may see twice."""

    sizes: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, items: Iterable[ReadItem]) -> Pages:
        """Return the number of items before each checkpoint."""
        pages, count = cls(), 0
        for item in items:
            if isinstance(item, Checkpoint):
                pages.sizes.append(count)
                count = 0
            else:
                count += 1
        return pages


class RemoteContract(ABC):
    """The suite. `many` items are at least three pages; peers that serve small pages keep it quick."""

    kind: ClassVar[str]
    stream: ClassVar[str] = "messages"
    many: ClassVar[int] = 12
    reads_deletions: ClassVar[bool] = True
    """False where the provider's feed does not show them: they come by push and census."""

    @abstractmethod
    @pytest.fixture
    def peer(self) -> RemotePeer | Iterator[RemotePeer]:
        """Give a peer without items."""

    def everything(self, peer: RemotePeer, cursor: Cursor | None = None) -> list[ReadItem]:
        return list(peer.connector().read(self.stream, cursor))

    def test_is_found_by_its_folder(self) -> None:
        manifest = connector_class(self.kind).manifest
        assert manifest.kind == self.kind
        assert manifest in all_manifests()
        assert manifest.credential_model is not None, "a remote source has a credential"
        models = (manifest.config_model, manifest.credential_model)
        undescribed = [f"{model.__name__}.{name}" for model in models
                       for name, declared in model.model_fields.items() if not declared.description]  # fmt: skip
        assert undescribed == [], "the dashboard's form is made of the descriptions"
        assert all(model.model_config.get("extra") == "forbid" for model in models)
        assert all(model.model_config.get("frozen") for model in models)

    def test_check_passes_for_a_good_source(self, peer: RemotePeer) -> None:
        peer.add(range(2))
        connector = peer.connector()
        checks = connector.check()
        assert checks
        assert [check for check in checks if check.verdict is not Verdict.PASSED] == []
        connector.check_usable()

    def test_an_unknown_stream_is_refused(self, peer: RemotePeer) -> None:
        with pytest.raises(InputError, match="stream"):
            list(peer.connector().read("elsewhere", None))

    def test_an_empty_source_is_read_to_a_checkpoint(self, peer: RemotePeer) -> None:
        items = self.everything(peer)
        assert not upserts(items)
        peer.add(range(2))
        assert set(state(self.everything(peer, last_cursor(items)))) == {peer.native_id(0), peer.native_id(1)}

    def test_reads_everything_once(self, peer: RemotePeer) -> None:
        peer.add(range(7))
        items = self.everything(peer)
        assert sorted(item.native_id for item in upserts(items)) == sorted(peer.native_id(n) for n in range(7))
        assert not failures(items)
        assert isinstance(items[-1], Checkpoint)
        for item in upserts(items):
            assert item.payload
            assert item.version
            assert item.occurred_at is not None
            assert item.occurred_at.utcoffset() == timedelta(0)

    def test_event_times_are_the_providers(self, peer: RemotePeer) -> None:
        peer.add(range(5))
        times = {item.native_id: item.occurred_at for item in upserts(self.everything(peer))}
        ordered = [times[peer.native_id(number)] for number in range(5)]
        assert all(a is not None and b is not None and a < b for a, b in pairwise(ordered))

    def test_an_unchanged_source_gives_nothing(self, peer: RemotePeer) -> None:
        peer.add(range(7))
        cursor = last_cursor(self.everything(peer))
        again = self.everything(peer, cursor)
        assert [item for item in again if not isinstance(item, Checkpoint)] == []

    def test_a_grown_source_gives_only_what_is_new(self, peer: RemotePeer) -> None:
        peer.add(range(7))
        cursor = last_cursor(self.everything(peer))
        peer.add(range(7, 10))
        second = self.everything(peer, cursor)
        assert sorted(state(second)) == sorted(peer.native_id(number) for number in range(7, 10))
        assert not tombstones(second)

    def test_an_edit_is_a_new_version_of_the_same_item(self, peer: RemotePeer) -> None:
        peer.add(range(5))
        first = self.everything(peer)
        peer.edit(2)
        second = self.everything(peer, last_cursor(first))
        assert set(state(second)) == {peer.native_id(2)} <= set(state(first))
        edited, before = state(second)[peer.native_id(2)], state(first)[peer.native_id(2)]
        assert edited.version != before.version
        assert edited.payload != before.payload
        assert edited.occurred_at == before.occurred_at
        assert not tombstones(second)

    def test_a_deletion_is_a_tombstone(self, peer: RemotePeer) -> None:
        peer.add(range(5))
        cursor = last_cursor(self.everything(peer))
        peer.delete(3)
        if self.reads_deletions:
            second = self.everything(peer, cursor)
            assert tombstones(second) == [peer.native_id(3)]
            assert not upserts(second)
            assert not tombstones(self.everything(peer, last_cursor(second)))
        counted = {native_id for native_id, _ in peer.connector().census(Window())}
        assert counted == {peer.native_id(number) for number in (0, 1, 2, 4)}

    def test_ids_and_versions_are_the_same_for_everybody(self, peer: RemotePeer) -> None:
        peer.add(range(5))
        one, other = state(self.everything(peer)), state(self.everything(peer))
        assert one == other

    def test_pages_are_bounded(self, peer: RemotePeer) -> None:
        peer.add(range(self.many))
        sizes = Pages.of(self.everything(peer)).sizes
        assert len([size for size in sizes if size]) >= 3, "`many` is to be more than two pages"
        assert max(sizes) <= 500

    def test_resumes_from_each_checkpoint_with_at_most_a_page_repeated(self, peer: RemotePeer) -> None:
        peer.add(range(self.many))
        items = self.everything(peer)
        whole = state(items)
        assert len(whole) == self.many
        largest = max(Pages.of(items).sizes)
        for place in [index for index, item in enumerate(items) if isinstance(item, Checkpoint)]:
            checkpoint = items[place]
            assert isinstance(checkpoint, Checkpoint)
            after = self.everything(peer, checkpoint.cursor)
            before = upserts(items[:place])
            assert state([*before, *after]) == whole
            assert len(before) + len(upserts(after)) - self.many <= largest

    def test_is_killed_after_any_item_and_loses_nothing(self, peer: RemotePeer) -> None:
        peer.add(range(self.many))
        whole = state(self.everything(peer))
        for stop in (1, self.many // 2, self.many - 1):
            stored: list[ReadItem] = []
            cursor = None
            page: list[ReadItem] = []
            for item in islice(peer.connector().read(self.stream, None), stop):
                page.append(item)
                if isinstance(item, Checkpoint):
                    stored, page, cursor = [*stored, *page], [], item.cursor
            assert state([*stored, *self.everything(peer, cursor)]) == whole

    @pytest.mark.parametrize("fault", list(Fault))
    def test_a_fault_at_any_request_loses_nothing(self, peer: RemotePeer, fault: Fault) -> None:
        peer.add(range(self.many))
        before = peer.requests
        whole = state(self.everything(peer))
        total = peer.requests - before
        assert total > 0
        for number in range(total):
            peer.fail(fault, after=number)
            items = resumed(peer, self.stream)
            peer.fail(fault, times=0)
            assert state(items) == whole, f"request {number + 1} of {total}"
            assert not failures(items), f"request {number + 1} of {total}: {fault} is no poison"

    @pytest.mark.parametrize("fault", list(Fault))
    def test_a_fault_among_changes_loses_none(self, peer: RemotePeer, fault: Fault) -> None:
        peer.add(range(6))
        first = self.everything(peer)
        peer.edit(1)
        if self.reads_deletions:
            peer.delete(2)
        peer.add(range(6, 8))
        before = peer.requests
        whole = state([*first, *self.everything(peer, last_cursor(first))])
        for number in range(peer.requests - before):
            peer.fail(fault, after=number)
            items = resumed(peer, self.stream, last_cursor(first))
            peer.fail(fault, times=0)
            assert state([*first, *items]) == whole, f"request {number + 1}"

    @pytest.mark.parametrize("fault", list(Fault))
    def test_an_outage_is_no_empty_answer_and_passes(self, peer: RemotePeer, fault: Fault) -> None:
        peer.add(range(self.many))
        before = peer.requests
        whole = state(self.everything(peer))
        for after in {0, (peer.requests - before) // 2}:
            peer.fail(fault, after=after, times=None)
            reached = self.until_fault(peer)
            peer.fail(fault, times=0)
            cursor = last_cursor(reached) if reached else None
            assert state([*reached, *self.everything(peer, cursor)]) == whole

    def until_fault(self, peer: RemotePeer) -> list[ReadItem]:
        """Return what is stored of a reading that ends in a passing fault: whole pages with their checkpoints."""
        stored: list[ReadItem] = []
        page: list[ReadItem] = []
        try:
            for item in peer.connector().read(self.stream, None):
                page.append(item)
                if isinstance(item, Checkpoint):
                    stored, page = [*stored, *page], []
        except RetriableError:
            return stored
        raise AssertionError("an outage was taken for the end")

    def test_census_counts_what_is_read(self, peer: RemotePeer) -> None:
        peer.add(range(5))
        counted = list(peer.connector().census(Window()))
        read = {item.native_id: item.occurred_at for item in upserts(self.everything(peer))}
        assert len(counted) == 5
        assert dict(counted) == read

    def test_census_of_a_window_leaves_out_other_times(self, peer: RemotePeer) -> None:
        peer.add(range(5))
        times = sorted(time for _, time in peer.connector().census(Window()) if time is not None)
        inside = list(peer.connector().census(Window(times[1], times[3])))
        assert sorted(time for _, time in inside if time is not None) == times[1:3]

    def test_census_that_fails_is_not_a_short_one(self, peer: RemotePeer) -> None:
        peer.add(range(self.many))
        before = peer.requests
        whole = sorted(peer.connector().census(Window()))
        assert len(whole) == self.many
        for number in range(peer.requests - before):
            peer.fail(Fault.BROKEN, after=number, times=None)
            with pytest.raises(RetriableError):
                list(peer.connector().census(Window()))
            peer.fail(Fault.BROKEN, times=0)
        assert sorted(peer.connector().census(Window())) == whole

    def test_fetch_gives_the_same_items(self, peer: RemotePeer) -> None:
        peer.add(range(5))
        read = state(self.everything(peer))
        wanted = {peer.native_id(1), peer.native_id(3)}
        assert state(peer.connector().fetch(wanted)) == {key: read[key] for key in wanted}
        assert list(peer.connector().fetch([])) == []

    def test_fetch_of_what_is_gone_is_a_tombstone(self, peer: RemotePeer) -> None:
        peer.add(range(3))
        self.everything(peer)
        peer.delete(1)
        items = list(peer.connector().fetch([peer.native_id(1), peer.native_id(2)]))
        assert tombstones(items) == [peer.native_id(1)]
        assert set(state(items)) == {peer.native_id(2)}

    def test_fetch_of_what_was_never_there_stops_nobody(self, peer: RemotePeer) -> None:
        peer.add(range(2))
        items = list(peer.connector().fetch(["no such key", peer.native_id(0)]))
        assert set(state(items)) == {peer.native_id(0)}
        assert [item.key if isinstance(item, Failure) else item.native_id for item in items
                if isinstance(item, Failure | Tombstone)] == ["no such key"]  # fmt: skip

    def test_pull_and_push_give_the_same_row(self, peer: RemotePeer) -> None:
        peer.add(range(3))
        first = self.everything(peer)
        peer.edit(1)
        marked = self.marked(peer, 1)
        by_push = state(peer.connector().fetch(marked))
        by_pull = state(self.everything(peer, last_cursor(first)))
        assert by_pull[peer.native_id(1)] == by_push[peer.native_id(1)]

    def marked(self, peer: RemotePeer, number: int) -> tuple[str, ...]:
        """Return the keys that a push about an item marks dirty; without pushes by HTTP, its native id."""
        push = peer.push(number)
        if push is None:
            return (peer.native_id(number),)
        return received(self.kind, push).keys

    @pytest.mark.parametrize("cursor", [{}, {"x": 1}, {"version": "?", "streams": []}])
    def test_a_cursor_that_is_not_ours_means_reading_all(self, peer: RemotePeer, cursor: Cursor) -> None:
        peer.add(range(3))
        assert len(state(self.everything(peer, cursor))) == 3

    def test_a_revoked_credential_is_named_with_a_remedy(self, peer: RemotePeer) -> None:
        peer.add(range(2))
        peer.revoke()
        with pytest.raises(CredentialError) as caught:
            self.everything(peer)
        assert caught.value.remedy
        failed = [check for check in peer.connector().check() if check.verdict is Verdict.FAILED]
        assert failed
        assert all(check.remedy for check in failed)
        with pytest.raises(InputError):
            peer.connector().check_usable()

    def test_a_time_out_is_unknown_and_no_fault_of_the_credential(self, peer: RemotePeer) -> None:
        peer.add(range(2))
        peer.silence()
        with pytest.raises(RetriableError):
            self.everything(peer)
        connector = peer.connector()
        checks = connector.check()
        assert Verdict.UNKNOWN in {check.verdict for check in checks}
        assert Verdict.FAILED not in {check.verdict for check in checks}
        assert all(check.remedy for check in checks if check.verdict is Verdict.UNKNOWN)
        connector.check_usable()


def received(kind: str, push: Push, at: datetime | None = None) -> Delivery:
    """Return what a connector makes of a push; names of headers as the API hands them on."""
    connector = connector_class(kind)
    assert issubclass(connector, Pushed)
    headers = {name.lower(): value for name, value in push.headers.items()}
    return connector.receive(headers, push.body, push.secret, at or datetime.now(UTC))


class PushContract(ABC):
    """What every push by HTTP must hold, beside the suite above."""

    kind: ClassVar[str]
    signs_time: ClassVar[bool] = True
    """False where the provider's scheme has no time in it."""
    signs_body: ClassVar[bool] = True
    """False where the provider vouches for the sender alone."""

    @abstractmethod
    @pytest.fixture
    def push(self) -> Push:
        """Return a push that is good at this moment."""

    def test_a_push_marks_keys(self, push: Push) -> None:
        delivery = received(self.kind, push)
        assert delivery.delivery_id
        assert delivery.keys

    def test_the_same_push_is_known_again(self, push: Push) -> None:
        assert received(self.kind, push).delivery_id == received(self.kind, push).delivery_id

    def test_a_push_with_another_secret_is_refused(self, push: Push) -> None:
        with pytest.raises(SignatureError):
            received(self.kind, Push(push.headers, push.body, b"another secret"))

    def test_a_push_whose_body_was_changed_is_refused(self, push: Push) -> None:
        if self.signs_body:
            with pytest.raises(SignatureError):
                received(self.kind, Push(push.headers, push.body + b" ", push.secret))

    def test_a_push_without_headers_is_refused(self, push: Push) -> None:
        with pytest.raises(SignatureError):
            received(self.kind, Push({}, push.body if self.signs_body else b"{}", push.secret))

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_a_push_of_another_time_is_refused(self, push: Push, minutes: int) -> None:
        if self.signs_time:
            with pytest.raises(SignatureError):
                received(self.kind, push, datetime.now(UTC) + timedelta(minutes=minutes))
