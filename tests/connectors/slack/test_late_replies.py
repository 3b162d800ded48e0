"""Late replies are never lost: pushes mark threads, recent roots are looked through, older ones ever less often."""

from __future__ import annotations

import json

import pytest

from opsintel.connectors.contract import Checkpoint
from opsintel.connectors.slack.cursor import DAY, TIERS, states_of
from tests.connectors.contract import upserts
from tests.connectors.slack.reading import SUPPORT, connector_to, cursor_behind, read, told
from tests.peers.slack import SlackPeer
from tests.peers.slack_events import keys_told, posted


class TestThreads:
    def test_are_read_with_their_roots(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        replies = [slack.post(f"answer {number}", root=root)["ts"] for number in range(3)]
        assert told(read(slack)) == [root, *replies]

    def test_are_read_to_the_last_page(self, slack: SlackPeer) -> None:
        slack.page_cap = 10
        root = slack.post("question")["ts"]
        replies = [slack.post(str(number), root=root)["ts"] for number in range(35)]
        assert sorted(told(read(slack))) == [root, *replies]

    def test_are_resumed_where_they_were_left(self, slack: SlackPeer) -> None:
        slack.page_cap = 5
        root = slack.post("question")["ts"]
        replies = [slack.post(str(number), root=root)["ts"] for number in range(23)]
        items = read(slack)
        for place in [index for index, item in enumerate(items) if isinstance(item, Checkpoint)]:
            before = items[: place + 1]
            after = read(slack, cursor_behind(before))
            assert sorted(told(before) + told(after)) == [root, *replies], "nothing is lost and nothing twice"

    def test_are_known_by_their_root_in_every_row(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        slack.post("answer", root=root)
        payloads = [json.loads(item.payload)["message"] for item in upserts(read(slack))]
        assert {payload["thread_ts"] for payload in payloads} == {root}


class TestRecentRoots:
    def test_show_a_reply_that_came_after_they_were_read(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        slack.post("something else")
        cursor = cursor_behind(read(slack))
        slack.tick(20 * DAY)
        reply = slack.post("at last", root=root)["ts"]
        items = read(slack, cursor)
        assert told(items) == [reply]
        assert told(read(slack, cursor_behind(items))) == [], "and only once"

    def test_show_a_second_reply_too(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        slack.post("first answer", root=root)
        cursor = cursor_behind(read(slack))
        slack.tick(DAY)
        reply = slack.post("second answer", root=root)["ts"]
        assert told(read(slack, cursor)) == [reply]

    def test_whose_replies_did_not_move_are_not_read_again(self, slack: SlackPeer) -> None:
        for _ in range(5):
            slack.post("answer", root=slack.post("question")["ts"])
        cursor = cursor_behind(read(slack))
        slack.tick(2 * 3600)
        cursor = cursor_behind(read(slack, cursor))
        slack.calls.clear()
        slack.tick(3600)
        read(slack, cursor)
        assert slack.count("conversations.replies") == 0

    def test_are_looked_through_as_often_as_the_configuration_says(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        cursor = cursor_behind(read(slack))
        reply = slack.post("answer", root=root)["ts"]
        assert told(read(slack, cursor, rescan_minutes=60)) == []
        slack.tick(3600)
        assert told(read(slack, cursor, rescan_minutes=60)) == [reply]

    def test_are_looked_through_again_after_a_kill(self, slack: SlackPeer) -> None:
        slack.page_cap = 2
        roots = [slack.post(str(number))["ts"] for number in range(8)]
        cursor = cursor_behind(read(slack))
        slack.tick(DAY)
        replies = [slack.post("answer", root=root)["ts"] for root in roots]
        page = []
        for item in connector_to(slack).read("messages", cursor):
            page.append(item)
            if isinstance(item, Checkpoint):
                break
        assert 0 < len(told(page)) < 8
        assert sorted({*told(page), *told(read(slack, cursor_behind(page)))}) == replies


class TestRaces:
    def test_a_reply_while_its_root_is_read_is_told_next_time(self, slack: SlackPeer) -> None:
        slack.post("x")
        cursor = cursor_behind(read(slack))
        root = slack.post("question")["ts"]
        items, reply = [], ""
        for item in connector_to(slack).read("messages", cursor):
            items.append(item)
            if told([item]) == [root]:
                reply = slack.post("answer", root=root)["ts"]
                slack.tick(7200)
        assert told(items) == [root]
        cursor = cursor_behind(items)
        slack.tick(DAY)
        assert told(read(slack, cursor)) == [reply]

    def test_a_reply_between_a_kill_and_the_next_reading_is_told(self, slack: SlackPeer) -> None:
        slack.page_cap = 2
        slack.post("x")
        cursor = cursor_behind(read(slack))
        roots = [slack.post(str(number))["ts"] for number in range(6)]
        page = []
        for item in connector_to(slack).read("messages", cursor):
            page.append(item)
            if isinstance(item, Checkpoint):
                break
        slack.tick(DAY)
        reply = slack.post("answer", root=roots[-1])["ts"]
        slack.tick(DAY)
        second = read(slack, cursor_behind(page))
        slack.tick(DAY)
        third = read(slack, cursor_behind(second))
        assert sorted(told(page) + told(second) + told(third)) == [*roots, reply]


class TestOlderRoots:
    @pytest.mark.parametrize("age", [10, 29.9, 30.1, 45, 89.99, 120, 364, 400, 1000])
    def test_show_a_reply_sooner_or_later_whatever_their_age(self, slack: SlackPeer, age: float) -> None:
        root = slack.post("question")["ts"]
        cursor = cursor_behind(read(slack))
        for _ in range(15):
            slack.tick(age * DAY / 15)
            cursor = cursor_behind(read(slack, cursor), cursor)
        reply = slack.post("at last", root=root)["ts"]
        longest = max(DAY, next(every for oldest, every in TIERS if oldest is None or age * DAY < oldest))
        found: list[str] = []
        for _ in range(12):
            items = read(slack, cursor)
            cursor = cursor_behind(items, cursor)
            found += told(items)
            slack.tick(longest / 9)
        assert set(found) == {reply}, "within the time between two looks at its age"
        assert len(found) <= 2, "again at most where its root grew out of one age"

    def test_grow_out_of_no_age_while_nobody_looks(self, slack: SlackPeer) -> None:
        """The reply comes between two looks at young roots; the look at older ones comes while its root is young."""
        seldom = 3 * 24 * 60
        root = slack.post("question")["ts"]
        cursor = cursor_behind(read(slack, rescan_minutes=seldom))
        slack.tick(28.5 * DAY)
        cursor = cursor_behind(read(slack, cursor, rescan_minutes=seldom))
        slack.tick(0.5 * DAY)
        reply = slack.post("answer", root=root)["ts"]
        found = []
        for days in (0.6, 1, 1, 1):
            slack.tick(days * DAY)
            items = read(slack, cursor, rescan_minutes=seldom)
            cursor = cursor_behind(items, cursor)
            found += told(items)
        assert set(found) == {reply}

    def test_are_looked_through_less_often_the_older_they_are(self, slack: SlackPeer) -> None:
        intervals = [every for _, every in TIERS]
        assert intervals == sorted(set(intervals))
        slack.post("x")
        cursor = cursor_behind(read(slack))
        slack.calls.clear()
        begun: list[dict[str, str]] = []
        for _ in range(60):
            slack.tick(DAY)
            items = read(slack, cursor)
            before, cursor = states_of(cursor)[SUPPORT].marks, cursor_behind(items, cursor)
            after = states_of(cursor)[SUPPORT].marks
            begun.append({name: at for name, at in after.items() if at != before[name]})
        assert [sum(str(number) in marks for marks in begun) for number in range(4)] == [60, 60, 8, 2]

    def test_show_their_first_reply_too(self, slack: SlackPeer) -> None:
        roots = [slack.post(str(number))["ts"] for number in range(3)]
        cursor = cursor_behind(read(slack))
        slack.tick(500 * DAY)
        cursor = cursor_behind(read(slack, cursor))
        reply = slack.post("after all", root=roots[1])["ts"]
        slack.tick(31 * DAY)
        assert told(read(slack, cursor)) == [reply]


class TestPush:
    def test_marks_the_whole_thread(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        lost = slack.post("a reply whose push was lost", root=root)["ts"]
        reply = slack.post("a reply", root=root)
        keys = keys_told(posted(reply))
        assert keys == (f"{SUPPORT}:{root}",)
        assert told(list(connector_to(slack).fetch(keys))) == [root, lost, reply["ts"]]
