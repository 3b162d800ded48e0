"""The suite for remote connectors itself: a connector that is right passes, and each defect is seen by a test of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pydantic import BaseModel, ConfigDict

from opsintel.connectors.contract import (
    Check,
    Checkpoint,
    Connector,
    Cursor,
    Failure,
    Manifest,
    PayloadFormat,
    ReadItem,
    Tombstone,
    Upsert,
    Verdict,
    Window,
)
from opsintel.errors import CredentialError, InputError, UnavailableError
from tests.connectors.remote import Fault, RemoteContract, RemotePeer
from tests.connectors.sources import moment

PAGE = 4


class NoConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class ToyPeer(RemotePeer):
    """A feed of changes by number, served in pages."""

    defect: str = ""
    feed: list[tuple[int, int]] = field(default_factory=list)
    """(number, version), version 0 for a deletion, in the order of the changes."""
    asked: int = 0
    good: int = 0
    spoiled: int | None = 0
    mode: str = ""

    def connector(self) -> Connector:
        return Toy(self)

    def add(self, numbers: Iterable[int]) -> None:
        self.feed += [(number, 1) for number in numbers]

    def edit(self, number: int) -> None:
        self.feed.append((number, 2))

    def delete(self, number: int) -> None:
        self.feed.append((number, 0))

    def native_id(self, number: int) -> str:
        return f"item-{number}"

    @property
    def requests(self) -> int:
        return self.asked

    def fail(self, fault: Fault, after: int = 0, times: int | None = 1) -> None:
        self.good, self.spoiled = after, times

    def revoke(self) -> None:
        self.mode = "revoked"

    def silence(self) -> None:
        self.mode = "silent"

    def page(self, start: int) -> list[tuple[int, int]]:
        """Answer a request."""
        self.asked += 1
        if self.mode == "revoked" and self.defect != "takes a revoked credential":
            raise CredentialError("revoked", remedy="Authorise again")
        if self.mode == "silent":
            raise UnavailableError("time-out")
        if self.good:
            self.good -= 1
        elif self.spoiled != 0:
            self.spoiled = None if self.spoiled is None else self.spoiled - 1
            if self.defect == "takes an error for an empty answer":
                return []
            raise UnavailableError("spoiled")
        return self.feed[start : start + PAGE]

    def now(self) -> dict[int, int]:
        return {number: version for number, version in dict(self.feed).items() if version}


class Toy(Connector):
    manifest = Manifest(kind="toy", title="Toy", summary="", config_model=NoConfig)

    def __init__(self, peer: ToyPeer) -> None:
        super().__init__(NoConfig())
        self.peer = peer

    def check(self) -> Sequence[Check]:
        try:
            self.peer.page(0)
        except CredentialError as error:
            return [Check("credential", Verdict.FAILED, True, error.message, error.remedy)]
        except UnavailableError as error:
            verdict = Verdict.FAILED if self.peer.defect == "takes a time-out for a refusal" else Verdict.UNKNOWN
            return [Check("credential", verdict, True, error.message, "Try again")]
        return [Check("credential", Verdict.PASSED, True, "taken")]

    def read(self, stream: str, cursor: Cursor | None, until: object = None) -> Iterator[ReadItem]:
        if stream != "messages":
            raise InputError("There is no such stream")
        at = (cursor or {}).get("at", 0)
        defect = self.peer.defect
        while True:
            if defect == "moves the cursor before the page is read":
                yield Checkpoint({"at": at + PAGE})
            page = self.peer.page(at)
            for number, version in page:
                if version:
                    yield self._item(number, version)
                elif defect != "reads no deletion":
                    yield Tombstone(f"item-{number}", None)
            at += len(page)
            if len(page) < PAGE:
                break
            if defect != "has one checkpoint at the end":
                yield Checkpoint({"at": at})
        yield Checkpoint({"at": 0 if defect == "forgets where it was" else at})

    def census(self, window: Window) -> Iterator[tuple[str, object]]:  # type: ignore[override]
        for start in range(0, len(self.peer.feed), PAGE):
            self.peer.page(start)
        for number in sorted(self.peer.now()):
            at = moment(number)
            if self.peer.defect == "counts other days" or (
                (window.start is None or at >= window.start) and (window.end is None or at < window.end)
            ):
                yield f"item-{number}", at

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        known = {f"item-{number}" for number, _ in self.peer.feed}
        for key in sorted(keys):
            if key not in known:
                yield Failure("message", key, "unknown", retryable=False)
                continue
            number = int(key.removeprefix("item-"))
            version = self.peer.now().get(number)
            if version:
                yield self._item(number, version)
            elif self.peer.defect != "is silent about what is gone":
                yield Tombstone(key, None)

    def _item(self, number: int, version: int) -> Upsert:
        at = moment(number)
        if self.peer.defect == "takes the time of processing":
            at += timedelta(days=self.peer.asked)
        shown = 1 if self.peer.defect == "has one version" else version
        name = f"item-{number}-{version}" if self.peer.defect == "makes ids of versions" else f"item-{number}"
        return Upsert(name, str(shown), f"{number} {version}".encode(), PayloadFormat.RECORD, at)


class TestToy(RemoteContract):
    kind = "toy"

    @pytest.fixture
    def peer(self) -> RemotePeer:
        return ToyPeer()

    def test_is_found_by_its_folder(self) -> None:
        """It has none."""


SEEN_BY = {
    "takes an error for an empty answer": "test_an_outage_is_no_empty_answer_and_passes",
    "takes a revoked credential": "test_a_revoked_credential_is_named_with_a_remedy",
    "takes a time-out for a refusal": "test_a_time_out_is_unknown_and_no_fault_of_the_credential",
    "moves the cursor before the page is read": "test_a_fault_at_any_request_loses_nothing",
    "reads no deletion": "test_a_deletion_is_a_tombstone",
    "has one checkpoint at the end": "test_pages_are_bounded",
    "forgets where it was": "test_an_unchanged_source_gives_nothing",
    "counts other days": "test_census_of_a_window_leaves_out_other_times",
    "is silent about what is gone": "test_fetch_of_what_is_gone_is_a_tombstone",
    "takes the time of processing": "test_ids_and_versions_are_the_same_for_everybody",
    "has one version": "test_an_edit_is_a_new_version_of_the_same_item",
    "makes ids of versions": "test_an_edit_is_a_new_version_of_the_same_item",
}


@pytest.mark.parametrize("defect", list(SEEN_BY))
def test_each_defect_is_seen(defect: str) -> None:
    test = getattr(TestToy(), SEEN_BY[defect])
    faults = (Fault.BROKEN,) if "fault" in test.__code__.co_varnames[: test.__code__.co_argcount] else ()
    test(ToyPeer(), *faults)
    with pytest.raises((AssertionError, pytest.fail.Exception, ValueError)):
        test(ToyPeer(defect=defect), *faults)
