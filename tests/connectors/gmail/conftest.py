from collections.abc import Iterator

import pytest

from tests.connectors.gmail.mailbox import Mailbox
from tests.peers.gmail import GmailPeer
from tests.peers.http_peer import running


@pytest.fixture
def peer() -> Iterator[Mailbox]:
    with running(GmailPeer()) as gmail:
        gmail.page = 4
        yield Mailbox(gmail)
