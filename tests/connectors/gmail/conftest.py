from collections.abc import Iterator

import pytest

from tests.connectors.gmail.mailbox import Mailbox
from tests.peers.gmail import GmailPeer
from tests.peers.provider import running


@pytest.fixture
def peer() -> Iterator[Mailbox]:
    gmail = GmailPeer()
    gmail.page = 4
    with running(gmail):
        yield Mailbox(gmail)
