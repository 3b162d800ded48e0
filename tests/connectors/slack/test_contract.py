"""Slack holds the contract of remote connectors."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from opsintel.connectors.contract import Connector
from tests.connectors.remote import Fault, Push, PushContract, RemoteContract, RemotePeer
from tests.connectors.slack.reading import SUPPORT, connection_to, connector_to
from tests.peers.slack import SlackPeer
from tests.peers.slack_events import changed, posted, signed


class SlackItems(RemotePeer):
    """Messages of one channel, served in pages of four."""

    def __init__(self, slack: SlackPeer) -> None:
        self.slack = slack
        slack.page_cap = 4
        self.times: dict[int, str] = {}
        self.seconds = 10.0

    def connector(self) -> Connector:
        return connector_to(self.slack, connection_to(self.slack, seconds=self.seconds))

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.times[number] = self.slack.post(f"lamp {number} of <@U0000ANN>")["ts"]

    def edit(self, number: int) -> None:
        self.slack.edit(self.times[number], "another text")

    def delete(self, number: int) -> None:
        self.slack.delete(self.times[number])

    def native_id(self, number: int) -> str:
        return f"{SUPPORT}/{self.times[number]}"

    @property
    def requests(self) -> int:
        return len(self.slack.asked)

    def fail(self, fault: Fault, after: int = 0, times: int | None = 1) -> None:
        self.slack.fail(fault, after, times)

    def revoke(self) -> None:
        self.slack.refusal = "token_revoked"

    def silence(self) -> None:
        self.seconds = 0.05
        self.slack.silence()

    def push(self, number: int) -> Push | None:
        return signed(changed(self.slack.channels[SUPPORT].messages[self.times[number]]))


class TestSlack(RemoteContract):
    kind = "slack"
    reads_deletions = False

    @pytest.fixture
    def peer(self, slack: SlackPeer) -> RemotePeer:
        return SlackItems(slack)


class TestPush(PushContract):
    kind = "slack"

    @pytest.fixture
    def push(self) -> Push:
        return signed(posted({"type": "message", "text": "x", "user": "U1", "ts": "1767600000.000100"}))
