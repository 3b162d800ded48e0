"""A mailbox of Gmail that runs for one test, and connectors that read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from opsintel.connectors.connection import PushAddress
from opsintel.connectors.gmail.connector import GmailConnector
from opsintel.connectors.gmail.manifest import GmailConfig
from opsintel.net.policy import Policy
from tests.connectors.memory import MemoryConnection
from tests.connectors.remote import Fault, RemotePeer
from tests.connectors.sources import mail, moment
from tests.peers.gmail import GmailPeer

PUSH = PushAddress("https://ops.example.com/v1/push/abc", "s")


class Mailbox(RemotePeer):
    """Items are mails; as their bytes never change, an edit is a label."""

    def __init__(self, peer: GmailPeer, credential: dict[str, str] | None = None) -> None:
        self.peer = peer
        self.credential = credential or {
            "access_token": "token-1",
            "refresh_token": "refresh-1",
            "client_id": "app",
            "client_secret": "s",
        }
        self.is_silent = False
        self.config: dict[str, Any] = {}
        self.selection: dict[str, Any] = {}

    @property
    def connection(self) -> MemoryConnection:
        policy = Policy(local_servers=frozenset({("127.0.0.1", urlsplit(self.peer.address).port or 0)}))
        if self.is_silent:
            policy = replace(policy, total_seconds=0.02)
        return MemoryConnection(policy, self.credential, push=PUSH)

    def connector(self, connection: MemoryConnection | None = None) -> GmailConnector:
        addresses = {"base_url": "", "pubsub_url": "", "token_url": "/token", "keys_url": "/certs"}
        told = {name: self.peer.address + path for name, path in addresses.items()} | self.config
        found = GmailConnector(GmailConfig.model_validate(told), connection or self.connection)
        found.selection = self.selection
        return found

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.peer.put(self.native_id(number), mail(number), moment(number))

    def edit(self, number: int) -> None:
        self.peer.label(self.native_id(number), ["STARRED"])

    def delete(self, number: int) -> None:
        self.peer.delete(self.native_id(number))

    def native_id(self, number: int) -> str:
        return f"18f0{number:04x}"

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
