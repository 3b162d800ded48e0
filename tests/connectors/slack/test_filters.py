"""What of a filter Slack evaluates: with the residual it is what everything, filtered here, would be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsintel.connectors.contract import Checkpoint, Cursor, ReadItem, Window
from opsintel.connectors.slack.cursor import DAY
from opsintel.errors import InputError
from opsintel.filters.parse import parse
from tests.connectors.slack.reading import SUPPORT, connector_to, cursor_behind, read, told
from tests.peers.slack import SlackPeer
from tests.peers.slack_shapes import START


def after(days: float) -> str:
    return f"after:{(datetime.fromtimestamp(START, UTC) + timedelta(days=days)).date()}"


def before(days: float) -> str:
    return after(days).replace("after:", "before:")


def filtered(slack: SlackPeer, text: str, cursor: Cursor | None = None) -> list[ReadItem]:
    connector = connector_to(slack)
    connector.selection = connector.plan(parse(text), datetime.fromtimestamp(slack.clock, UTC)).pushed
    return list(connector.read("messages", cursor))


@pytest.fixture
def year(slack: SlackPeer) -> dict[str, str]:
    """Return a `ts` by name: a thread of each ten days, whose replies come late, in two channels."""
    slack.add_channel("C0000BIL", "billing")
    found = {}
    for day in range(0, 100, 10):
        for channel in (SUPPORT, "C0000BIL"):
            found[f"{channel} {day}"] = slack.post(f"day {day}", channel=channel)["ts"]
        slack.tick(10 * DAY)
    for day in range(0, 100, 20):
        root = found[f"{SUPPORT} {day}"]
        found[f"late {day}"] = slack.post("late", root=root)["ts"]
        slack.tick(DAY)
    return found


class TestPushDown:
    @pytest.mark.parametrize(
        "text",
        ["channel:support", "channel:#billing", "channel:support OR channel:billing", after(50), before(50),
         f"{after(20)} {before(60)}", f"channel:support {after(101)}", f"{before(5)} channel:billing", "newer_than:7d"],
    )  # fmt: skip
    def test_gives_what_everything_filtered_here_would(self, slack: SlackPeer, year: dict[str, str], text: str) -> None:
        plan = connector_to(slack).plan(parse(text), datetime.fromtimestamp(slack.clock, UTC))
        channels = plan.pushed.get("channels", ["support", "billing"])
        low, high = float(plan.pushed.get("oldest", 0)), float(plan.pushed.get("latest", "inf"))
        names = {SUPPORT: "support", "C0000BIL": "billing", "late": "support"}
        expected = [ts for name, ts in year.items() if names[name.split()[0]] in channels and low <= float(ts) <= high]
        assert expected
        assert sorted(told(filtered(slack, text))) == sorted(expected)

    def test_finds_replies_to_threads_that_began_before_it(self, slack: SlackPeer, year: dict[str, str]) -> None:
        late = {ts for name, ts in year.items() if name.startswith("late") and float(ts) > START + 101 * DAY}
        assert len(late) == 4
        assert set(told(filtered(slack, after(101)))) == late

    def test_narrows_the_census_too(self, slack: SlackPeer, year: dict[str, str]) -> None:
        connector = connector_to(slack)
        now = datetime.fromtimestamp(slack.clock, UTC)
        connector.selection = connector.plan(parse(f"channel:billing {after(50)}"), now).pushed
        assert len(list(connector.census(Window()))) == sum(name.startswith("C0000BIL") for name in year) / 2 == 5


class TestSearch:
    def test_in_slacks_own_words_is_refused_and_not_ignored(self, slack: SlackPeer) -> None:
        slack.post("x")
        with pytest.raises(InputError, match="block slack"):
            filtered(slack, "slack:{has:link}")


class TestChange:
    def test_of_a_filter_that_takes_more_reads_what_was_left_out(self, slack: SlackPeer, year: dict[str, str]) -> None:
        first = filtered(slack, after(50))
        second = filtered(slack, after(20), cursor_behind(first))
        third = read(slack, cursor_behind(second))
        assert sorted({*told(first), *told(second), *told(third)}) == sorted(year.values())
        again = set(told(first)) & set(told(second))
        assert again <= {ts for name, ts in year.items() if name.startswith("late")}, "only replies to older threads"
        assert told(read(slack, cursor_behind(third))) == []

    @pytest.mark.parametrize("pages", [1, 2, 3])
    def test_amid_a_backfill_leaves_nothing_out(self, slack: SlackPeer, year: dict[str, str], pages: int) -> None:
        slack.page_cap = 3
        items: list[ReadItem] = []
        for text in (after(50), after(80), after(20), ""):
            connector = connector_to(slack)
            if text:
                connector.selection = connector.plan(parse(text), datetime.fromtimestamp(slack.clock, UTC)).pushed
            count = 0
            for item in connector.read("messages", cursor_behind(items)):
                items.append(item)
                count += isinstance(item, Checkpoint)
                if text and count == pages:
                    break
        assert set(told(items)) == set(year.values())

    def test_of_a_filter_that_takes_less_reads_nothing_twice(self, slack: SlackPeer, year: dict[str, str]) -> None:
        first = read(slack)
        assert told(filtered(slack, after(50), cursor_behind(first))) == []
        assert len(told(first)) == len(year)
