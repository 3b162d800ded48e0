"""A mailbox of Outlook that runs for one test, and connectors that read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from opsintel.connectors.connection import PushAddress
from opsintel.connectors.graph.connector import GraphConnector
from opsintel.connectors.graph.manifest import GraphConfig
from opsintel.net.policy import Policy
from tests.connectors.memory import MemoryConnection
from tests.connectors.remote import Fault, Push, RemotePeer
from tests.connectors.sources import mail, moment
from tests.peers.graph import GraphPeer, changed, notification

PUSH = PushAddress("https://ops.example.com/v1/push/abc", "state-of-ours")


class Mailbox(RemotePeer):
    """Items are mails; as their bytes never change, an edit is a category."""

    def __init__(self, peer: GraphPeer) -> None:
        self.peer = peer
        self.credential = {
            "access_token": "token-1",
            "refresh_token": "refresh-1",
            "client_id": "app",
            "client_secret": "s",
        }
        self.is_silent = False
        self.config: dict[str, Any] = {}
        self.selection: dict[str, Any] = {}
        self.push_address: PushAddress | None = PUSH

    @property
    def connection(self) -> MemoryConnection:
        policy = Policy(local_servers=frozenset({("127.0.0.1", urlsplit(self.peer.address).port or 0)}))
        if self.is_silent:
            policy = replace(policy, total_seconds=0.02)
        return MemoryConnection(policy, self.credential, push=self.push_address)

    def connector(self, connection: MemoryConnection | None = None) -> GraphConnector:
        told = {"base_url": self.peer.base, "login_url": self.peer.address, **self.config}
        found = GraphConnector(GraphConfig.model_validate(told), connection or self.connection)
        found.selection = self.selection
        return found

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.peer.put(self.native_id(number), mail(number), moment(number))

    def edit(self, number: int) -> None:
        self.peer.edit(self.native_id(number), categories=("Blue",))

    def delete(self, number: int) -> None:
        self.peer.delete(self.native_id(number))

    def native_id(self, number: int) -> str:
        return f"AAkALgAAAAAAHYQDE-{number}_x="

    @property
    def requests(self) -> int:
        return len(self.peer.asked)

    def fail(self, fault: Fault, after: int = 0, times: int | None = 1) -> None:
        self.peer.fail(fault, after, times)

    def revoke(self) -> None:
        self.peer.access.revoked = True

    def silence(self) -> None:
        self.is_silent = True
        self.peer.silence()

    def push(self, number: int) -> Push:
        return Push({}, notification(PUSH.secret, *changed([self.native_id(number)])), PUSH.secret.encode())
