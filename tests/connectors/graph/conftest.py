from collections.abc import Iterator

import pytest

from tests.connectors.graph.mailbox import Mailbox
from tests.peers.graph import GraphPeer
from tests.peers.http_peer import running


@pytest.fixture
def peer() -> Iterator[Mailbox]:
    with running(GraphPeer()) as graph:
        graph.page = 4
        yield Mailbox(graph)
        assert graph.wrong == []
