from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsintel.connectors.imap.mails import ranges, uid_set
from opsintel.connectors.imap.state import MailboxState, cursor_of, decoded, mailboxes_of

UIDS = st.dictionaries(st.integers(1, 2**32 - 1), st.integers(0, 2**64 - 1), max_size=30)
LABELS = st.lists(st.sampled_from(["a", "b"]), max_size=2)


def state_of(mails: dict[int, int], labels: tuple[str, ...] = ()) -> MailboxState:
    state = MailboxState(7, last=9, modseq=2**63 - 1, selection="x")
    for uid, identity in mails.items():
        state.add(uid, identity, labels)
    return state


class TestCursor:
    @given(UIDS, LABELS)
    def test_holds_all_that_is_known(self, mails: dict[int, int], labels: list[str]) -> None:
        state = state_of(mails, tuple(labels))
        state.former = {5: "", 2**64 - 1: "abc"}
        stored = json.loads(json.dumps(cursor_of({"INBOX": state.encoded()})))
        assert decoded(mailboxes_of(stored)["INBOX"]) == state
        assert dict(zip(state.uids, state.identities, strict=True)) == dict(sorted(mails.items()))

    def test_grows_by_eleven_characters_a_mail(self) -> None:
        small, large = (
            len(json.dumps(state_of({uid: uid * 977 for uid in range(1, count)}).encoded())) for count in (1000, 2000)
        )
        assert (large - small) / 1000 < 11

    @pytest.mark.parametrize(
        "change",
        [
            {"uids": "5:1"}, {"uids": "1:4294967295"}, {"uids": "x"}, {"uids": "1:2"}, {"uids": "0:0"},
            {"identities": "AAAA"}, {"identities": "%"}, {"identities": None}, {"validity": None}, {"last": "x"},
            {"labelled": {"x": "y"}}, {"labelled": 5}, {"former": {"zz": ""}},
        ],
    )  # fmt: skip
    def test_that_is_damaged_means_reading_all(self, change: dict[str, Any]) -> None:
        assert decoded(state_of({1: 1}).encoded()) is not None
        assert decoded(state_of({1: 1}).encoded() | change) is None

    @pytest.mark.parametrize(
        "cursor", [None, {}, {"format": 2, "mailboxes": {"INBOX": {}}}, {"format": 1}, {"format": 1, "mailboxes": [1]}]
    )
    def test_of_another_kind_holds_no_mailbox(self, cursor: dict[str, Any] | None) -> None:
        assert mailboxes_of(cursor) == {}


class TestState:
    @given(UIDS, st.data())
    def test_loses_a_mail_with_its_last_uid(self, mails: dict[int, int], data: st.DataObject) -> None:
        gone = data.draw(st.lists(st.sampled_from(sorted(mails)), unique=True)) if mails else []
        state = state_of(mails)
        lost = state.remove(gone)
        left = {uid: identity for uid, identity in mails.items() if uid not in gone}
        assert set(lost) == {mails[uid] for uid in gone} - set(left.values())
        assert dict(zip(state.uids, state.identities, strict=True)) == dict(sorted(left.items()))
        assert all(state.knows(identity) for identity in left.values())
        assert not any(state.knows(identity) for identity in lost)

    def test_knows_of_labels_by_the_copy_that_came_first(self) -> None:
        state = state_of({1: 11, 2: 22, 3: 11})
        assert state.is_relabelled(1, ("a",))
        assert not state.is_relabelled(3, ("a",))
        assert not state.is_relabelled(2, ())
        assert not state.is_relabelled(9, ("a",))
        state.relabel(2, ("a",))
        assert state.is_relabelled(2, ())
        assert not state.is_relabelled(2, ("a",))

    def test_numbered_anew_knows_all_and_no_uid(self) -> None:
        state = state_of({1: 11, 2: 22}, ("a",)).renumbered(8).renumbered(9)
        assert (state.validity, state.last, state.modseq, list(state.uids)) == (9, 0, 0, [])
        assert sorted(state.all_identities()) == [11, 22]
        assert all(state.former.values())


class TestUidSet:
    @given(st.sets(st.integers(1, 50)))
    def test_names_each_once(self, uids: set[int]) -> None:
        listed = [number for first, last in ranges(sorted(uids)) for number in range(first, last + 1)]
        assert listed == sorted(uids)

    def test_is_written_as_the_standard_says(self) -> None:
        assert uid_set([1, 2, 3, 5, 7, 8]) == "1:3,5,7:8"
        assert uid_set([]) == ""
