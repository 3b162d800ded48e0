"""Single messages, threads and channels by their keys, and the census of a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsintel.connectors.contract import Failure, Upsert, Window
from opsintel.connectors.slack.cursor import DAY
from tests.connectors.contract import failures, upserts
from tests.connectors.slack.reading import SUPPORT, connector_to, gone, read, told
from tests.peers.slack import SlackPeer


def at(ts: str) -> datetime:
    return datetime.fromtimestamp(float(ts), UTC)


class TestFetch:
    def test_of_a_root_gives_the_root_alone(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        slack.post("answer", root=root)
        assert told(list(connector_to(slack).fetch([f"{SUPPORT}/{root}"]))) == [root]

    def test_of_a_reply_needs_no_root(self, slack: SlackPeer) -> None:
        reply = slack.post("answer", root=slack.post("question")["ts"])["ts"]
        assert told(list(connector_to(slack).fetch([f"{SUPPORT}/{reply}"]))) == [reply]

    def test_of_a_reply_that_slack_shows_only_in_its_thread_finds_it(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        reply = slack.post("answer", root=root)["ts"]
        slack.post("another", root=root)
        real = slack._conversations_replies

        def by_root_only(given: dict[str, str]) -> dict[str, object]:
            if given["ts"] == reply:
                return {"messages": [slack.channels[SUPPORT].messages[root]], "has_more": False}
            return real(given)

        slack._conversations_replies = by_root_only  # type: ignore[method-assign]
        assert told(list(connector_to(slack).fetch([f"{SUPPORT}/{reply}"]))) == [reply]

    def test_of_a_thread_and_its_messages_gives_each_once(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        reply = slack.post("answer", root=root)["ts"]
        keys = [f"{SUPPORT}/{reply}", f"{SUPPORT}:{root}", f"{SUPPORT}/{root}"]
        slack.calls.clear()
        assert told(list(connector_to(slack).fetch(keys))) == [root, reply]
        assert slack.count("conversations.replies") == 1

    def test_of_a_thread_that_is_gone_is_a_tombstone(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        slack.delete(root)
        assert gone(list(connector_to(slack).fetch([f"{SUPPORT}:{root}"]))) == [root]

    def test_of_another_channel_than_the_configuration_names_gives_nothing(self, slack: SlackPeer) -> None:
        ts = slack.post("x")["ts"]
        connector = connector_to(slack, channels=["billing"])
        assert list(connector.fetch([f"{SUPPORT}/{ts}"])) == []

    @pytest.mark.parametrize("key", ["C0000OFF/1767600030.000000", "C0000BIL/1767600030.000000", "C0000BIL"])
    def test_where_the_app_may_not_read_is_a_failure_and_no_tombstone(self, slack: SlackPeer, key: str) -> None:
        slack.add_channel("C0000BIL", "billing", is_member=False)
        good = slack.post("x")["ts"]
        items = list(connector_to(slack).fetch([key, f"{SUPPORT}/{good}"]))
        assert told(items) == [good]
        assert gone(items) == []
        assert [(failure.key, failure.retryable) for failure in failures(items)] == [(key, True)]

    def test_of_a_channel_that_can_be_read_again_gives_nothing(self, slack: SlackPeer) -> None:
        assert list(connector_to(slack).fetch([SUPPORT])) == []

    @pytest.mark.parametrize("key", ["", "C1", "c1/", "../x", "C1/1.1.1", "C1/soon", "\x00", "C1/" + "1" * 99])
    def test_of_what_is_no_key_is_a_failure_that_is_final(self, slack: SlackPeer, key: str) -> None:
        (failure,) = connector_to(slack).fetch([key])
        assert isinstance(failure, Failure)
        assert "\x00" not in failure.key

    def test_gives_what_reading_gives(self, slack: SlackPeer) -> None:
        root = slack.post("question <@U0000ANN>")["ts"]
        slack.post("answer", root=root)
        slack.post("for all", root=root, subtype="thread_broadcast")
        by_reading = sorted(upserts(read(slack)), key=lambda item: item.native_id)
        connector = connector_to(slack)
        by_keys = [item for item in connector.fetch([item.native_id for item in by_reading])]
        assert by_keys == by_reading
        assert sorted(upserts(connector.fetch([f"{SUPPORT}:{root}"])), key=lambda item: item.native_id) == by_reading


class TestCensus:
    def test_counts_replies_by_their_own_time(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        slack.tick(10 * DAY)
        reply = slack.post("answer", root=root)["ts"]
        window = Window(at(reply) - timedelta(hours=1), at(reply) + timedelta(hours=1))
        assert list(connector_to(slack).census(window)) == [(f"{SUPPORT}/{reply}", at(reply))]
        assert [key for key, _ in connector_to(slack).census(Window(None, window.start))] == [f"{SUPPORT}/{root}"]

    def test_has_a_beginning_that_is_in_it_and_an_end_that_is_not(self, slack: SlackPeer) -> None:
        times = [slack.post(str(number))["ts"] for number in range(3)]
        window = Window(at(times[0]), at(times[2]))
        assert sorted(key for key, _ in connector_to(slack).census(window)) == [f"{SUPPORT}/{ts}" for ts in times[:2]]

    def test_is_what_was_read_after_everything_that_happens(self, slack: SlackPeer) -> None:
        slack.page_cap = 3
        slack.add_channel("C0000BIL", "billing")
        roots = [slack.post(str(number))["ts"] for number in range(8)]
        replies = [slack.post("re", root=root)["ts"] for root in roots[::2]]
        slack.post("invoice", channel="C0000BIL")
        slack.post("for all", root=roots[0], subtype="thread_broadcast")
        slack.delete(replies[0])
        slack.delete(roots[2])
        slack.edit(roots[1], "edited")
        stored = {item.native_id: item.occurred_at for item in upserts(read(slack))}
        counted = list(connector_to(slack).census(Window()))
        assert len(counted) == len(dict(counted)) == len(stored) == 12
        assert dict(counted) == stored

    def test_repairs_what_pushes_and_reading_have_lost(self, slack: SlackPeer) -> None:
        root = slack.post("question")["ts"]
        slack.tick(20 * DAY)
        lost = slack.post("answer", root=root)["ts"]
        missing = [key for key, _ in connector_to(slack).census(Window()) if key != f"{SUPPORT}/{root}"]
        items = list(connector_to(slack).fetch(missing))
        assert told(items) == [lost]
        assert all(isinstance(item, Upsert) for item in items)

    def test_goes_on_where_a_channel_cannot_be_read(self, slack: SlackPeer) -> None:
        slack.add_channel("C0000BIL", "billing").refusal = "not_in_channel"
        ts = slack.post("x")["ts"]
        assert [key for key, _ in connector_to(slack).census(Window())] == [f"{SUPPORT}/{ts}"]
