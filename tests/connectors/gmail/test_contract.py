"""Gmail keeps the contract of remote connectors."""

import pytest

from tests.connectors.gmail.mailbox import Mailbox
from tests.connectors.remote import RemoteContract, RemotePeer


class TestGmail(RemoteContract):
    kind = "gmail"

    @pytest.fixture
    def peer(self, peer: Mailbox) -> RemotePeer:
        return peer
