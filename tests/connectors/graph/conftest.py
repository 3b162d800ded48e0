from collections.abc import Iterator

import pytest

from tests.connectors.graph.mailbox import Mailbox
from tests.peers.graph import GraphPeer
from tests.peers.provider import running


@pytest.fixture
def peer() -> Iterator[Mailbox]:
    graph = GraphPeer()
    graph.page = 4
    with running(graph):
        yield Mailbox(graph)
