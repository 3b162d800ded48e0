"""An account on a real Dovecot, as a test and the suite of all connectors see it."""

from __future__ import annotations

import hashlib
import imaplib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from opsintel.connectors.connection import Credential
from opsintel.connectors.contract import Connector, Cursor, ReadItem
from opsintel.connectors.imap.connector import ImapConnector
from opsintel.connectors.imap.manifest import ImapConfig
from tests.connectors.memory import MemoryConnection, local_connection
from tests.connectors.remote import Fault, RemotePeer
from tests.connectors.sources import mail, moment
from tests.peers.dovecot import PASSWORD, DovecotServer, append
from tests.peers.imap import ImapProxy

PATIENCE, IMPATIENCE = 20.0, 0.1
"""Seconds that a connector waits for an answer; the shorter where none is going to come."""


def identity(message_id: str, date: str, author: str, to: str, subject: str) -> str:
    """Return the identity of a mail, as docs/connectors/imap.md says how it is made."""
    fields = sorted([f"message-id:{message_id}", f"date:{date}", f"from:{author}", f"to:{to}", f"subject:{subject}"])
    return hashlib.sha256("\n".join(fields).encode()).hexdigest()[:16]


class Account(RemotePeer):
    """An account; connectors reach it through the proxy, people work in it directly."""

    def __init__(self, server: DovecotServer, proxy: ImapProxy) -> None:
        self.server, self.proxy = server, proxy
        self.user = server.account()
        self.credential: Credential = {"username": self.user, "password": PASSWORD}
        self.connections: list[MemoryConnection] = []

    def connector(self, *, selection: Mapping[str, Any] | None = None, **config: Any) -> Connector:
        connection = local_connection(self.proxy.port, held=self.credential, trust=self.server.trust)
        seconds = IMPATIENCE if self.proxy.silent else PATIENCE
        connection.policy = replace(connection.policy, total_seconds=seconds)
        self.connections.append(connection)
        fields = {"host": "127.0.0.1", "port": self.proxy.port, **config}
        connector = ImapConnector(ImapConfig.model_validate(fields), connection)
        connector.selection = selection or {}
        return connector

    def read(self, cursor: Cursor | None = None, **config: Any) -> list[ReadItem]:
        return list(self.connector(**config).read("messages", cursor))

    def add(self, numbers: Iterable[int], mailbox: str = "INBOX") -> None:
        with self.open() as connection:
            for number in numbers:
                append(connection, mail(number), moment(number), mailbox)

    def deliver(self, message: bytes, at: datetime, mailbox: str = "INBOX", flags: str = "") -> None:
        self.server.deliver(self.user, message, at, mailbox, flags)

    def edit(self, number: int) -> None:
        self.store(number, "+FLAGS", "(urgent)")

    def store(self, number: int, change: str, flags: str, mailbox: str = "INBOX") -> None:
        with self.open() as connection:
            connection.select(mailbox)
            connection.uid("STORE", self.uid(connection, number), change, flags)

    def delete(self, number: int, mailbox: str = "INBOX") -> None:
        with self.open() as connection:
            connection.select(mailbox)
            connection.uid("STORE", self.uid(connection, number), "+FLAGS", "(\\Deleted)")
            connection.expunge()

    def uid(self, connection: imaplib.IMAP4, number: int) -> str:
        found = connection.uid("SEARCH", "HEADER", "MESSAGE-ID", f"<{number}@example.org>")[1][0]
        assert isinstance(found, bytes)
        return found.split()[0].decode()

    def native_id(self, number: int) -> str:
        raw = mail(number).decode()
        date = next(line for line in raw.splitlines() if line.startswith("Date: ")).removeprefix("Date: ")
        author = f"Person {number} <person{number}@example.org>"
        return f"INBOX/{identity(f'<{number}@example.org>', date, author, 'support@example.com', f'Lamp {number}')}"

    @property
    def requests(self) -> int:
        return len(self.proxy.commands)

    def fail(self, fault: Fault, after: int = 0, times: int | None = 1) -> None:
        self.proxy.fail(fault.value, after, times)

    def revoke(self) -> None:
        self.server.set_password(self.user, "another password")

    def silence(self) -> None:
        self.proxy.silent = True

    def open(self) -> imaplib.IMAP4:
        """Return a connection of the person whose account it is."""
        return self.server.open(self.user)
