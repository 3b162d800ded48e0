"""Slack's limits: by method, app and workspace; used, and never passed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from opsintel.connectors.connection import Budget
from opsintel.connectors.slack.limits import limit_of, page_limit
from opsintel.connectors.slack.manifest import AppKind
from tests.connectors.contract import upserts
from tests.connectors.memory import MemoryConnection
from tests.connectors.slack.reading import connection_to, connector_to
from tests.peers.slack import DESCRIPTION, SlackPeer


@dataclass
class TimedConnection(MemoryConnection):
    """Waits by moving the workspace's time on: its budgets are token buckets of that time."""

    slack: SlackPeer = field(default_factory=SlackPeer)
    full_at: dict[tuple[str, str], float] = field(default_factory=dict)
    budgets: set[Budget] = field(default_factory=set)

    def spend(self, budget: Budget, units: int = 1) -> None:
        self.budgets.add(budget)
        cost, capacity = budget.limit.cost(units).total_seconds(), budget.limit.capacity.total_seconds()
        full_at = max(self.full_at.get((budget.name, budget.of), 0.0), self.slack.clock) + cost
        self.slack.tick(max(0.0, full_at - capacity - self.slack.clock))
        self.full_at[budget.name, budget.of] = full_at

    def wait(self, seconds: float) -> None:
        self.slack.tick(seconds)


@pytest.fixture
def timed(slack: SlackPeer) -> TimedConnection:
    plain = connection_to(slack)
    slack.request_seconds = 0.0
    return TimedConnection(plain.policy, plain.held, slack=slack)


def grant(slack: SlackPeer, **other: int) -> None:
    granted = {method: described["per_minute"] for method, described in DESCRIPTION.items()}
    slack.granted = granted | {name.replace("_", "."): count for name, count in other.items()}


class TestTiers:
    @pytest.mark.parametrize("app", list(AppKind))
    @pytest.mark.parametrize("method", sorted(set(DESCRIPTION) - {"oauth.v2.access"}))
    def test_are_those_that_slack_publishes(self, method: str, app: AppKind) -> None:
        is_held = app is AppKind.UNLISTED and method in ("conversations.history", "conversations.replies")
        granted = 1 if is_held else DESCRIPTION[method]["per_minute"]
        limit = limit_of(method, app)
        assert limit.burst + 60 * limit.per_second <= granted + 1
        assert 60 * limit.per_second >= 0.9 * granted

    def test_count_by_workspace_and_app(self, slack: SlackPeer, timed: TimedConnection) -> None:
        slack.post("x")
        list(connector_to(slack, timed).read("messages", None))
        assert {(budget.name, budget.of) for budget in timed.budgets if budget.name != "slack.auth.test"} == {
            (f"slack.{method}", "T0000TEAM/B0000APP")
            for method in ("conversations.list", "conversations.history", "users.list")
        }


class TestBackfill:
    def test_uses_what_slack_grants_and_is_never_refused(self, slack: SlackPeer, timed: TimedConnection) -> None:
        slack.page_cap = 2
        messages = [slack.post(str(number))["ts"] for number in range(320)]
        grant(slack)
        began = slack.clock
        items = list(connector_to(slack, timed).read("messages", None))
        minutes = (slack.clock - began) / 60
        assert len(upserts(items)) == len(messages)
        assert slack.refused_by_limit == 0
        assert slack.count("conversations.history") / minutes >= 0.9 * 50

    def test_of_an_unlisted_app_takes_15_messages_a_minute(self, slack: SlackPeer, timed: TimedConnection) -> None:
        for number in range(150):
            slack.post(str(number))
        grant(slack, conversations_history=1, conversations_replies=1)
        began = slack.clock
        items = list(connector_to(slack, timed, app="unlisted").read("messages", None))
        assert len(upserts(items)) == 150
        assert slack.refused_by_limit == 0
        asked = [given["limit"] for method, given in slack.calls if method == "conversations.history"]
        assert asked == ["15"] * 10
        assert 9 * 60 <= slack.clock - began <= 10 * 60 / 0.9


class TestPageSize:
    @pytest.mark.parametrize(("app", "size"), [("internal", 999), ("marketplace", 999), ("unlisted", 15)])
    def test_follows_the_kind_of_app(self, slack: SlackPeer, app: str, size: int) -> None:
        root = slack.post("x")["ts"]
        slack.post("y", root=root)
        list(connector_to(slack, app=app).read("messages", None))
        sizes = {given["limit"] for method, given in slack.calls if method.endswith((".history", ".replies"))}
        assert sizes == {str(size)} == {str(page_limit(AppKind(app)))}
