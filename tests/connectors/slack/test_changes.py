"""Edits, deletions and replies that were sent to the channel too."""

from __future__ import annotations

from opsintel.connectors.contract import Window
from opsintel.connectors.slack.cursor import DAY
from tests.connectors.contract import upserts
from tests.connectors.slack.reading import SUPPORT, connector_to, cursor_behind, gone, read, told
from tests.peers.slack import SlackPeer
from tests.peers.slack_events import changed, deleted, keys_told


class TestEdits:
    def test_of_a_message_are_seen_without_a_push(self, slack: SlackPeer) -> None:
        ts = slack.post("the lamp is drak")["ts"]
        first = read(slack)
        slack.tick(DAY)
        slack.edit(ts, "the lamp is dark")
        (edited,) = upserts(read(slack, cursor_behind(first)))
        assert edited.native_id == upserts(first)[0].native_id
        assert edited.version != upserts(first)[0].version
        assert b"dark" in edited.payload

    def test_of_an_old_message_are_seen_as_its_age_is_looked_at(self, slack: SlackPeer) -> None:
        ts = slack.post("x")["ts"]
        slack.tick(60 * DAY)
        cursor = cursor_behind(read(slack))
        slack.edit(ts, "y")
        slack.tick(2 * DAY)
        assert told(read(slack, cursor)) == [ts]

    def test_of_a_reply_are_seen_while_its_thread_is_young(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        reply = slack.post("answr", root=root)["ts"]
        cursor = cursor_behind(read(slack))
        slack.tick(600)
        slack.edit(reply, "answer")
        assert told(read(slack, cursor)) == [reply]

    def test_of_a_reply_are_pushed_at_any_age(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        reply = slack.post("answr", root=root)
        slack.tick(200 * DAY)
        slack.edit(reply["ts"], "answer")
        keys = keys_told(changed(reply))
        assert keys == (f"{SUPPORT}/{reply['ts']}",)
        (item,) = upserts(connector_to(slack).fetch(keys))
        assert b"answer" in item.payload

    def test_are_no_new_version_where_only_others_did_something(self, slack: SlackPeer) -> None:
        root = slack.post("question")
        (before,) = upserts(read(slack))
        slack.post("answer", root=root["ts"])
        root["reactions"] = [{"name": "eyes", "users": ["U0000ANN"], "count": 1}]
        slack.users["U0000ANN"]["profile"]["display_name"] = "anna"
        after = upserts(read(slack))[0]
        assert (after.native_id, after.version) == (before.native_id, before.version)
        assert after.payload != before.payload


class TestDeletions:
    def test_are_pushed(self, slack: SlackPeer) -> None:
        ts = slack.post("oops")["ts"]
        read(slack)
        keys = keys_told(deleted(slack.delete(ts)))
        assert keys == (f"{SUPPORT}/{ts}",)
        assert gone(list(connector_to(slack).fetch(keys))) == [ts]

    def test_of_a_reply_are_pushed(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        reply = slack.post("oops", root=root)["ts"]
        keys = keys_told(deleted(slack.delete(reply)))
        assert gone(list(connector_to(slack).fetch(keys))) == [reply]

    def test_of_a_root_leave_its_replies(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        reply = slack.post("answer", root=root)["ts"]
        first = read(slack)
        assert told(first) == [root, reply]
        slack.delete(root)
        second = read(slack, cursor_behind(first))
        assert (gone(second), told(second)) == ([root], [])
        assert gone(read(slack, cursor_behind(second))) == [], "and it is told once"
        assert gone(list(connector_to(slack).fetch([f"{SUPPORT}/{root}"]))) == [root]
        late = slack.post("a late answer", root=root)["ts"]
        assert told(read(slack, cursor_behind(second))) == [late]

    def test_that_nobody_pushed_are_missing_in_the_census(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        for number in range(3):
            slack.post(f"answer {number}", root=root)
        alone = slack.post("alone")["ts"]
        stored = {item.native_id for item in upserts(read(slack))}
        slack.delete(alone)
        slack.delete(root)
        counted = {native_id for native_id, _ in connector_to(slack).census(Window())}
        assert stored - counted == {f"{SUPPORT}/{alone}", f"{SUPPORT}/{root}"}
        assert sorted(gone(list(connector_to(slack).fetch(stored - counted)))) == [root, alone]


class TestBroadcasts:
    def test_are_one_message(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        shared = slack.post("for all", root=root, subtype="thread_broadcast", root_shown={"ts": root})["ts"]
        assert sorted(told(read(slack))) == [root, shared]

    def test_are_one_version_in_history_and_thread(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        slack.post("for all", root=root, subtype="thread_broadcast")
        by_history = {item.native_id: item.version for item in upserts(read(slack))}
        by_thread = {item.native_id: item.version for item in upserts(connector_to(slack).fetch([f"{SUPPORT}:{root}"]))}
        assert by_history == by_thread

    def test_come_late_too(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        cursor = cursor_behind(read(slack))
        slack.tick(DAY)
        shared = slack.post("for all", root=root, subtype="thread_broadcast")["ts"]
        items = read(slack, cursor)
        assert told(items) == [shared]
        assert told(read(slack, cursor_behind(items))) == []
