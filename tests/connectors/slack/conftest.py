"""A Slack workspace that runs for one test, whose requests were all as Slack describes them."""

from collections.abc import Iterator

import pytest

from tests.peers.provider import running
from tests.peers.slack import SlackPeer


@pytest.fixture
def slack() -> Iterator[SlackPeer]:
    peer = SlackPeer()
    with running(peer):
        yield peer
