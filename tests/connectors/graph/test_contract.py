"""Outlook keeps the contract of remote connectors."""

import pytest

from tests.connectors.graph.mailbox import Mailbox
from tests.connectors.remote import Push, PushContract, RemoteContract, RemotePeer


class TestGraph(RemoteContract):
    kind = "graph"

    @pytest.fixture
    def peer(self, peer: Mailbox) -> RemotePeer:
        return peer


class TestPush(PushContract):
    kind = "graph"
    signs_time = False  # Graph signs nothing: it gives back what it was given
    signs_body = False

    @pytest.fixture
    def push(self, peer: Mailbox) -> Push:
        return peer.push(1)
