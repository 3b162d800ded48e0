"""An account of Zendesk for tests, as the suite of remote connectors wants it: items are tickets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from opsintel.clock import now
from opsintel.connectors.zendesk.connector import ZendeskConnector
from opsintel.connectors.zendesk.manifest import ZendeskConfig
from opsintel.net.policy import Policy
from tests.connectors.memory import MemoryConnection
from tests.connectors.remote import Fault, Push, RemotePeer
from tests.peers.provider import running
from tests.peers.zendesk import CLIENT_ID, CLIENT_SECRET, EMAIL, TOKEN, ZendeskPeer, written

SECRET = b"the signing secret of the webhook"


class Account(RemotePeer):
    """A peer with a credential for it; the connection is kept, as the product keeps what it renews."""

    def __init__(self, peer: ZendeskPeer) -> None:
        self.peer = peer
        port = urlsplit(peer.address).port
        assert port is not None
        held = {"email": EMAIL, "api_token": TOKEN}
        if peer.kind == "oauth":
            held = {"access_token": peer.access_token, "refresh_token": peer.refresh_token,
                    "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}  # fmt: skip
        self.connection = MemoryConnection(Policy(local_servers=frozenset({("127.0.0.1", port)})), held=held)

    def connector(self, **selection: Any) -> ZendeskConnector:
        config = ZendeskConfig(subdomain="acme", base_url=self.peer.address)
        connector = ZendeskConnector(config, self.connection)
        connector.selection = selection
        return connector

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.peer.make(100 + number)

    def edit(self, number: int) -> None:
        self.peer.change(100 + number, raw_subject=f"Lamp {number} is broken, and hot")

    def delete(self, number: int) -> None:
        self.peer.delete(100 + number)

    def native_id(self, number: int) -> str:
        return str(100 + number)

    @property
    def requests(self) -> int:
        return len(self.peer.asked)

    def fail(self, fault: Fault, after: int = 0, times: int | None = 1) -> None:
        self.peer.fail(fault, after, times)

    def revoke(self) -> None:
        self.peer.is_revoked = True

    def silence(self) -> None:
        self.peer.silence()
        self.connection.policy = Policy(local_servers=self.connection.policy.local_servers, total_seconds=0.05)

    def push(self, number: int) -> Push:
        return signed(event(100 + number))


def event(number: int, kind: str = "comment_added") -> dict[str, Any]:
    """Return an event as webhooks bring it."""
    return {"type": f"zen:event-type:ticket.{kind}", "account_id": 12514403, "id": "2b24ef10", "time": written(now()),
            "zendesk_event_version": "2022-11-06", "subject": f"zen:ticket:{number}", "detail": {"id": str(number)},
            "event": {}}  # fmt: skip


def signed(content: Any, secret: bytes = SECRET) -> Push:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    timestamp = written(now())
    signature = base64.b64encode(hmac.new(secret, timestamp.encode() + body, hashlib.sha256).digest()).decode()
    headers = {"X-Zendesk-Webhook-Signature": signature, "X-Zendesk-Webhook-Signature-Timestamp": timestamp}
    return Push(headers | {"X-Zendesk-Webhook-Id": "01GK8E6B"}, body, secret)


@contextmanager
def running_account(kind: Literal["token", "oauth"] = "token", page: int = 4) -> Iterator[Account]:
    peer = ZendeskPeer(kind, page)
    with running(peer):
        yield Account(peer)
