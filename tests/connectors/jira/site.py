"""A site of Jira for tests, as the suite of remote connectors wants it: items are issues."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from opsintel.clock import now
from opsintel.connectors.connection import PushAddress
from opsintel.connectors.jira.connector import JiraConnector
from opsintel.connectors.jira.manifest import JiraConfig
from opsintel.net.policy import Policy
from tests.connectors.memory import MemoryConnection
from tests.connectors.remote import Fault, Push, RemotePeer
from tests.peers.jira import CLIENT_ID, CLIENT_SECRET, EMAIL, PAT, TOKEN, JiraPeer
from tests.peers.provider import running

SECRET = b"the secret of the webhook"
Kind = Literal["cloud", "oauth", "data_center"]


class Site(RemotePeer):
    """A peer with a credential for it; the connection is kept, as the product keeps what it renews."""

    def __init__(self, peer: JiraPeer) -> None:
        self.peer = peer
        port = urlsplit(peer.address).port
        assert port is not None
        policy = Policy(local_servers=frozenset({("127.0.0.1", port)}))
        self.connection = MemoryConnection(policy, held=self._credential())

    def _credential(self) -> dict[str, str]:
        match self.peer.kind:
            case "cloud":
                return {"email": EMAIL, "api_token": TOKEN}
            case "data_center":
                return {"personal_access_token": PAT}
            case _:
                return {"access_token": self.peer.access_token, "refresh_token": self.peer.refresh_token,
                        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}  # fmt: skip

    def connector(self, **config: Any) -> JiraConnector:
        deployment = "data_center" if self.peer.kind == "data_center" else "cloud"
        basic = {"base_url": self.peer.address, "deployment": deployment,
                 "token_url": f"{self.peer.address}/oauth/token"}  # fmt: skip
        return JiraConnector(JiraConfig.model_validate(basic | config), self.connection)

    def with_push(self) -> Site:
        self.connection.push = PushAddress("https://ops.example/v1/push/7", SECRET.decode())
        return self

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.peer.make(number)

    def edit(self, number: int) -> None:
        self.peer.change(self.native_id(number), summary=f"Lamp {number} is broken, and hot")

    def delete(self, number: int) -> None:
        self.peer.delete(self.native_id(number))

    def native_id(self, number: int) -> str:
        return str(10_000 + number)

    @property
    def requests(self) -> int:
        return len(self.peer.asked)

    def fail(self, fault: Fault, after: int = 0, times: int | None = 1) -> None:
        self.peer.fail(fault, after, times)

    def revoke(self) -> None:
        self.peer.is_revoked = True

    def silence(self) -> None:
        self.peer.silence()
        policy = Policy(local_servers=self.connection.policy.local_servers, total_seconds=0.05)
        self.connection.policy = policy

    def push(self, number: int) -> Push:
        issue = {"id": self.native_id(number), "key": f"SUP-{number}", "fields": {}}
        return signed({"webhookEvent": "jira:issue_updated", "issue": issue, "timestamp": moment()})


def moment() -> int:
    """Return now, as a push of Jira says it."""
    return int(now().timestamp() * 1000)


def signed(event: dict[str, Any], secret: bytes = SECRET) -> Push:
    body = json.dumps(event).encode()
    signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return Push({"X-Hub-Signature": signature, "X-Atlassian-Webhook-Identifier": "7f1c"}, body, secret)


@contextmanager
def running_site(kind: Kind = "cloud", page: int = 4) -> Iterator[Site]:
    peer = JiraPeer(kind, page)
    with running(peer):
        yield Site(peer)
