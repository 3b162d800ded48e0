"""A Slack workspace that runs for one test, whose requests were all as Slack describes them."""

from collections.abc import Iterator

import pytest

from tests.peers.slack import SlackPeer
from tests.peers.slack_server import running_slack


@pytest.fixture
def slack() -> Iterator[SlackPeer]:
    with running_slack() as peer:
        yield peer
        assert peer.violations == []
