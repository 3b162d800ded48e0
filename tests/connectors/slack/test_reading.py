"""Channels and their histories: what is read, in which order, and how far."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import chain, repeat

import pytest

from opsintel.connectors.contract import Checkpoint, Failure, Upsert
from opsintel.connectors.slack import workspace
from opsintel.connectors.slack.cursor import cursor_of, states_of
from opsintel.connectors.slack.times import just_after, just_before, latest, order
from tests.connectors.contract import failures, last_cursor, upserts
from tests.connectors.slack.reading import SUPPORT, connector_to, cursor_behind, read, told
from tests.peers.slack import SlackPeer, refusal


class TestChannels:
    def test_are_those_the_app_is_a_member_of(self, slack: SlackPeer) -> None:
        slack.add_channel("C0000OFF", "off", is_member=False).refusal = "not_in_channel"
        slack.add_channel("G0000SEC", "secret", is_private=True)
        slack.post("seen")
        slack.post("seen too", channel="G0000SEC")
        found = {item.native_id.partition("/")[0]: item.channel for item in upserts(read(slack))}
        assert found == {SUPPORT: "support", "G0000SEC": "secret"}

    @pytest.mark.parametrize("named", ["#billing", "billing", "C0000BIL"])
    def test_are_those_that_the_configuration_names(self, slack: SlackPeer, named: str) -> None:
        slack.add_channel("C0000BIL", "billing")
        slack.post("a lamp")
        paid = slack.post("an invoice", channel="C0000BIL")
        assert told(read(slack, channels=[named])) == [paid["ts"]]

    def test_are_listed_to_the_last_page(self, slack: SlackPeer) -> None:
        slack.page_cap = 2
        for number in range(7):
            slack.add_channel(f"C000000{number}", f"c{number}")
            slack.post("x", channel=f"C000000{number}")
        assert len(upserts(read(slack))) == 7
        assert slack.count("conversations.list") == 4

    def test_direct_messages_are_read_only_where_that_is_wanted(self, slack: SlackPeer) -> None:
        slack.add_channel("D0000ANN", "", is_im=True)
        message = slack.post("between us", channel="D0000ANN")
        assert told(read(slack)) == []
        (item,) = upserts(read(slack, direct_messages=True))
        assert item.native_id == f"D0000ANN/{message['ts']}"
        assert list(connector_to(slack).fetch([item.native_id])) == []
        channel = json.loads(item.payload)["channel"]
        assert channel == {"id": "D0000ANN", "name": "D0000ANN", "is_private": True, "is_im": True, "is_mpim": False}

    def test_archived_ones_are_read_as_long_as_the_app_is_a_member(self, slack: SlackPeer) -> None:
        slack.add_channel("C0000OLD", "old", is_archived=True)
        message = slack.post("long ago", channel="C0000OLD")
        assert told(read(slack)) == [message["ts"]]

    def test_a_new_one_is_read_from_its_beginning(self, slack: SlackPeer) -> None:
        slack.post("x")
        cursor = cursor_behind(read(slack))
        slack.add_channel("C0000NEW", "new")
        messages = [slack.post(str(number), channel="C0000NEW") for number in range(3)]
        assert sorted(told(read(slack, cursor))) == [message["ts"] for message in messages]

    def test_that_are_direct_are_no_failure_once_they_are_no_longer_wanted(self, slack: SlackPeer) -> None:
        slack.add_channel("D0000ANN", "", is_im=True)
        slack.post("between us", channel="D0000ANN")
        cursor = cursor_behind(read(slack, direct_messages=True))
        assert failures(read(slack, cursor)) == []


class TestTs:
    def test_is_a_text_that_no_number_can_hold(self, slack: SlackPeer) -> None:
        first = slack.post("x")
        messages = slack.channels[SUPPORT].messages
        for ts in ("1767600030.000100", "1767600030.100000", "1767600030.000010"):
            messages[ts] = {**first, "ts": ts}
        assert sorted(told(read(slack))) == ["1767600030.000000", "1767600030.000010", "1767600030.000100",
                                             "1767600030.100000"]  # fmt: skip

    def test_is_compared_to_its_last_decimal(self) -> None:
        texts = ["", "999.9", "1767600030.000010", "1767600030.000100", "1767600030.100000", "1767600031.000000"]
        assert sorted(reversed(texts), key=order) == texts
        assert latest("1767600030.000100", "1767600030.000099") == "1767600030.000100"
        assert just_after(just_before("1767600031.000000")) == "1767600031.000000"

    def test_is_sent_as_it_came(self, slack: SlackPeer) -> None:
        slack.page_cap = 1
        messages = slack.channels[SUPPORT].messages
        for ts in ("1767600030.000100", "1767600031.123450"):
            messages[ts] = {**slack.post("x"), "ts": ts}
        for ts in [ts for ts in messages if not ts.startswith(("1767600030.0001", "1767600031.12"))]:
            del messages[ts]
        read(slack)
        sent = [given.get("latest") for method, given in slack.calls if method == "conversations.history"]
        assert sent == [None, "1767600031.123450"]


class TestWatermarks:
    def test_new_messages_come_while_old_ones_are_still_read(self, slack: SlackPeer) -> None:
        slack.page_cap = 4
        old = [slack.post(str(number))["ts"] for number in range(12)]
        reading = connector_to(slack).read("messages", None)
        page = []
        for item in reading:
            page.append(item)
            if isinstance(item, Checkpoint):
                break
        new = [slack.post(f"new {number}")["ts"] for number in range(2)]
        after = read(slack, cursor_behind(page))
        assert told(after)[:2] == new[::-1], "the new ones first"
        assert sorted(told(page) + told(after)) == old + new

    def test_a_killed_look_for_new_messages_leaves_no_hole(self, slack: SlackPeer) -> None:
        slack.page_cap = 3
        slack.post("x")
        cursor = cursor_behind(read(slack))
        new = [slack.post(str(number))["ts"] for number in range(9)]
        page = []
        for item in connector_to(slack).read("messages", cursor):
            page.append(item)
            if isinstance(item, Checkpoint):
                break
        newer = [slack.post("newer")["ts"]]
        second = read(slack, cursor_behind(page))
        third = read(slack, cursor_behind(second))
        assert sorted(told(page) + told(second) + told(third)) == new + newer

    def test_a_long_walk_looks_for_new_messages_in_between(
        self, slack: SlackPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workspace, "FRESH_SECONDS", 300)
        slack.page_cap = 2
        old = [slack.post(str(number))["ts"] for number in range(8)]
        found, new = [], ""
        for item in connector_to(slack).read("messages", None):
            if isinstance(item, Upsert):
                found.append(item.native_id.partition("/")[2])
            elif len(found) == 2:
                new = slack.post("urgent")["ts"]
                slack.tick(600)
        assert found.index(new) < len(found) - 2
        assert sorted(found) == [*old, new]

    def test_a_moment_ends_the_reading_and_the_next_goes_on_behind_it(self, slack: SlackPeer) -> None:
        messages = [slack.post(str(number))["ts"] for number in range(6)]
        until = datetime.fromtimestamp(float(messages[4]), UTC)
        first = list(connector_to(slack).read("messages", None, until))
        assert sorted(told(first)) == messages[:4]
        slack.calls.clear()
        earlier = datetime.fromtimestamp(float(messages[1]), UTC)
        assert told(list(connector_to(slack).read("messages", last_cursor(first), earlier))) == []
        asked = [given for method, given in slack.calls if method == "conversations.history"]
        assert all(float(given["oldest"]) < float(given["latest"]) for given in asked), "no span is empty"
        assert sorted(told(read(slack, last_cursor(first)))) == messages[4:]


class TestPages:
    def test_in_any_order_give_the_same(self, slack: SlackPeer) -> None:
        slack.page_cap, slack.is_shuffled = 4, True
        messages = [slack.post(str(number))["ts"] for number in range(11)]
        replies = [slack.post("re", root=messages[5])["ts"] for _ in range(6)]
        assert sorted(told(read(slack))) == messages + replies

    def test_that_are_large_are_stored_in_parts(self, slack: SlackPeer) -> None:
        for number in range(900):
            slack.post(str(number))
        sizes, size = [], 0
        for item in read(slack):
            size = 0 if isinstance(item, Checkpoint) else size + 1
            sizes.append(size)
        assert slack.count("conversations.history") == 1
        assert max(sizes) <= 500

    def test_that_are_empty_are_not_the_end(self, slack: SlackPeer) -> None:
        kept = slack.post("below the empty page")
        real = slack._conversations_history

        def empty_first(given: dict[str, str]) -> dict[str, object]:
            if "cursor" not in given:
                return {"messages": [], "has_more": True, "response_metadata": {"next_cursor": "bmV4dA=="}}
            return real({name: value for name, value in given.items() if name != "cursor"})

        slack._conversations_history = empty_first  # type: ignore[method-assign]
        assert told(read(slack)) == [kept["ts"]]

    def test_that_hold_nothing_usable_are_passed(self, slack: SlackPeer) -> None:
        kept = slack.post("below the broken page")
        real = slack._conversations_history

        def broken_first(given: dict[str, str]) -> dict[str, object]:
            if "cursor" not in given:
                return {"messages": [{}], "has_more": True, "response_metadata": {"next_cursor": "bmV4dA=="}}
            return real({name: value for name, value in given.items() if name != "cursor"})

        slack._conversations_history = broken_first  # type: ignore[method-assign]
        assert told(read(slack)) == [kept["ts"]]

    @pytest.mark.parametrize("broken", [5, None, {"text": "no ts"}, {"ts": 5}, {"ts": "yesterday"}, {"ts": "1.2.3"}])
    def test_a_message_without_ts_is_a_failure_and_the_others_go_on(self, slack: SlackPeer, broken: object) -> None:
        good = slack.post("x")
        real = slack._conversations_history

        def with_broken(given: dict[str, str]) -> dict[str, object]:
            answer = real(given)
            return answer | {"messages": [broken, *answer["messages"]]}

        slack._conversations_history = with_broken  # type: ignore[method-assign]
        items = read(slack)
        assert told(items) == [good["ts"]]
        (failure,) = failures(items)
        assert failure.key == f"{SUPPORT}/without ts"
        assert not failure.retryable


class TestCursor:
    def test_has_one_size_whatever_is_read(self, slack: SlackPeer) -> None:
        root = slack.post("x")["ts"]
        size = len(json.dumps(cursor_behind(read(slack))))
        for _ in range(100):
            slack.post("re", root=slack.post("x")["ts"])
        slack.post("re", root=root)
        assert len(json.dumps(cursor_behind(read(slack)))) == size <= 300

    def test_does_not_change_once_it_is_given(self, slack: SlackPeer) -> None:
        slack.post("x")
        cursor = cursor_behind(read(slack))
        slack.post("re", root=slack.post("y")["ts"])
        given = [
            (item.cursor, json.dumps(item.cursor))
            for item in connector_to(slack).read("messages", cursor)
            if isinstance(item, Checkpoint)
        ]
        assert len(given) > 1
        assert [json.dumps(cursor) for cursor, _ in given] == [written for _, written in given]

    def test_forgets_channels_that_are_gone_only_where_there_are_too_many(
        self, slack: SlackPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slack.add_channel("C0000OLD", "old")
        slack.post("x", channel="C0000OLD")
        slack.post("x")
        cursor = cursor_behind(read(slack))
        del slack.channels["C0000OLD"]
        cursor = cursor_behind(read(slack, cursor), cursor)
        assert set(states_of(cursor)) == {SUPPORT, "C0000OLD"}
        monkeypatch.setattr(workspace, "CHANNELS_KEPT", 1)
        assert set(states_of(cursor_behind(read(slack, cursor), cursor))) == {SUPPORT}

    def test_is_what_was_written(self, slack: SlackPeer) -> None:
        slack.page_cap = 2
        root = slack.post("x")["ts"]
        for _ in range(5):
            slack.post("re", root=root)
        cursors = [item.cursor for item in read(slack) if isinstance(item, Checkpoint)]
        assert any("thread" in json.dumps(cursor) for cursor in cursors)
        for cursor in cursors:
            assert cursor_of(states_of(json.loads(json.dumps(cursor)))) == cursor

    @pytest.mark.parametrize(
        "cursor",
        [
            {"channels": []},
            {"channels": {SUPPORT: 5}},
            {"channels": {SUPPORT: {"high": 1767600000.5, "walks": {"back": {"low": "x", "thread": [1]}}, "gone": 1}}},
            {"channels": {SUPPORT: {"marks": {"0": "soon", "9": "1.0"}, "walks": {"sideways": {}}}}},
        ],
    )  # fmt: skip
    def test_that_is_damaged_means_reading_again(self, slack: SlackPeer, cursor: dict[str, object]) -> None:
        message = slack.post("x")
        assert told(read(slack, cursor)) == [message["ts"]]


class TestThrownOut:
    def test_of_a_channel_is_a_failure_and_the_others_go_on(self, slack: SlackPeer) -> None:
        slack.add_channel("C0000BIL", "billing")
        slack.post("x", channel="C0000BIL")
        cursor = cursor_behind(read(slack))
        slack.channels["C0000BIL"].is_member = False
        slack.post("missed for now", channel="C0000BIL")
        heard = slack.post("y")
        items = read(slack, cursor)
        assert told(items) == [heard["ts"]]
        assert [(f.kind, f.key, f.retryable) for f in failures(items)] == [("channel", "C0000BIL", True)]
        assert "not_in_channel" in failures(items)[0].reason
        slack.channels["C0000BIL"].is_member = True
        (late,) = upserts(read(slack, cursor_behind(items)))
        assert late.native_id.startswith("C0000BIL/")
        assert "C0000BIL" in late.places, "the failure is mended by what is read now"

    @pytest.mark.parametrize("reason", ["not_in_channel", "is_archived", "channel_not_found"])
    def test_amid_reading_leaves_the_place_where_it_was(self, slack: SlackPeer, reason: str) -> None:
        slack.page_cap = 2
        messages = [slack.post(str(number))["ts"] for number in range(6)]
        slack.spoil = chain(repeat(None, 4), repeat(refusal(reason), 1))
        items = read(slack)
        assert [failure.key for failure in failures(items)] == [SUPPORT]
        assert 0 < len(told(items)) < 6
        assert sorted(told(items) + told(read(slack, cursor_behind(items)))) == messages

    def test_of_a_deleted_channel_is_named(self, slack: SlackPeer) -> None:
        slack.add_channel("C0000BIL", "billing")
        cursor = cursor_behind(read(slack))
        del slack.channels["C0000BIL"]
        (failure,) = (item for item in read(slack, cursor) if isinstance(item, Failure))
        assert "channel_not_found" in failure.reason
