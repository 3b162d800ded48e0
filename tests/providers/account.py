"""An account at each provider, with what happens there, and how the product is connected to it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from opsintel.clock import today
from opsintel.connectors.contract import Connector
from opsintel.sources.connect import Wanted
from tests.connectors import sources
from tests.connectors.gmail.mailbox import Mailbox as GmailMailbox
from tests.connectors.graph.mailbox import Mailbox as GraphMailbox
from tests.connectors.imap.account import Account as ImapAccount
from tests.connectors.jira import site as jira_site
from tests.connectors.jira.site import Site
from tests.connectors.remote import Push, RemotePeer
from tests.connectors.slack.test_contract import SlackItems
from tests.connectors.zendesk import account as zendesk_account
from tests.connectors.zendesk.account import Account as ZendeskAccount
from tests.peers.dovecot import DovecotServer, append, running_dovecot
from tests.peers.gmail import GmailPeer
from tests.peers.graph import GraphPeer, changed, notification
from tests.peers.imap import imap_proxy
from tests.peers.jira import JiraPeer
from tests.peers.provider import running
from tests.peers.slack import SlackPeer
from tests.peers.zendesk import ZendeskPeer

PAGE = 4
LATE = 90
"""Number of a late reply, where replies are items with numbers of their own."""


@dataclass
class Account:
    """An account at a provider. `reply` answers an item that is there and returns the reply's native id."""

    kind: str
    remote: RemotePeer
    reply: Callable[[int], str]
    changes_text: bool
    """Whether what `edit` changes is the text; of mails it is a label."""
    push: Callable[[int, str], Push] | None = None
    """Return what the provider sends of an item that changed, proved by the secret; None where it only hints."""
    certificate: Path | None = None
    """Of the server's own authority, where its certificate is not a public one."""

    def connector(self) -> Connector:
        """Return a connector of the provider's own tests: to ask the provider, not the product."""
        return self.remote.connector()

    def wanted(self) -> Wanted:
        """Return what a person enters to connect it."""
        connector = self.connector()
        assert connector.connection is not None
        config = connector.config.model_dump(mode="json")
        return Wanted(self.kind, f"Support in {self.kind}", config, dict(connector.connection.credential()))

    @property
    def local_servers(self) -> tuple[str, ...]:
        """Return the server's place, as the operator allows it."""
        connection = self.connector().connection
        assert connection is not None
        return tuple(f"{host}:{port}" for host, port in connection.policy.local_servers)


def before_midnight(span: timedelta) -> datetime:
    """Return a moment before the last midnight but one: items begin there, so that they are of two days."""
    return datetime.combine(today() - timedelta(days=1), time(0), UTC) - span


def late_mail(number: int) -> bytes:
    """Return a mail that answers another one."""
    return sources.mail(LATE + number, extra=f"In-Reply-To: <{number}@example.org>\n", body="It is dark here too.\n")


@contextmanager
def gmail() -> Iterator[Account]:
    peer = GmailPeer()
    peer.page = PAGE
    with running(peer):
        remote = GmailMailbox(peer)

        def reply(number: int) -> str:
            native_id = remote.native_id(LATE + number)
            peer.put(native_id, late_mail(number), sources.moment(LATE + number))
            return native_id

        yield Account("gmail", remote, reply, changes_text=False)


@contextmanager
def graph() -> Iterator[Account]:
    peer = GraphPeer()
    peer.page = PAGE
    with running(peer):
        remote = GraphMailbox(peer)

        def reply(number: int) -> str:
            native_id = remote.native_id(LATE + number)
            peer.put(native_id, late_mail(number), sources.moment(LATE + number))
            return native_id

        def push(number: int, secret: str) -> Push:
            return Push({}, notification(secret, *changed([remote.native_id(number)])), secret.encode())

        yield Account("graph", remote, reply, changes_text=False, push=push)


@contextmanager
def imap(server: DovecotServer) -> Iterator[Account]:
    with imap_proxy(server.plain_port, server.certificate, server.key) as proxy:
        remote = ImapAccount(server, proxy)

        def reply(number: int) -> str:
            with remote.open() as connection:
                append(connection, late_mail(number), sources.moment(LATE + number))
            return remote.native_id(LATE + number)

        yield Account("imap", remote, reply, changes_text=False, certificate=server.certificate)


@contextmanager
def slack() -> Iterator[Account]:
    peer = SlackPeer()
    peer.clock = before_midnight(timedelta(minutes=3)).timestamp()
    with running(peer):
        remote = SlackItems(peer)

        def reply(number: int) -> str:
            channel = remote.native_id(number).partition("/")[0]
            return f"{channel}/{peer.post('It is dark here too', root=remote.times[number])['ts']}"

        def push(number: int, secret: str) -> Push:
            found = remote.push(number)  # its app's signing secret is of the credential
            assert found is not None
            return found

        yield Account("slack", remote, reply, changes_text=True, push=push)


@contextmanager
def jira() -> Iterator[Account]:
    peer = JiraPeer("cloud", PAGE)
    peer.clock = before_midnight(timedelta(seconds=3))
    with running(peer):
        remote = Site(peer)

        def reply(number: int) -> str:
            issue = remote.native_id(number)
            return f"{issue}/{peer.comment(issue, 'It is dark here too')}"

        def push(number: int, secret: str) -> Push:
            issue = {"id": remote.native_id(number), "key": f"SUP-{number}", "fields": {}}
            event = {"webhookEvent": "jira:issue_updated", "issue": issue, "timestamp": jira_site.moment()}
            return jira_site.signed(event, secret.encode())

        yield Account("jira", remote, reply, changes_text=True, push=push)


@contextmanager
def zendesk() -> Iterator[Account]:
    peer = ZendeskPeer("token", PAGE)
    peer.clock = before_midnight(timedelta(seconds=3))
    with running(peer):
        remote = ZendeskAccount(peer)

        def reply(number: int) -> str:
            ticket = remote.native_id(number)
            return f"{ticket}/{peer.comment(int(ticket), 'It is dark here too')}"

        def push(number: int, secret: str) -> Push:
            event = zendesk_account.event(int(remote.native_id(number)))
            return zendesk_account.signed(event, secret.encode())

        yield Account("zendesk", remote, reply, changes_text=True, push=push)


KINDS: dict[str, Any] = {"gmail": gmail, "graph": graph, "imap": imap, "slack": slack, "jira": jira, "zendesk": zendesk}


@contextmanager
def account_at(kind: str, dovecot: Callable[[], DovecotServer]) -> Iterator[Account]:
    """Yield an account without items; `dovecot` gives the server of mail where that is needed."""
    with KINDS[kind](*([dovecot()] if kind == "imap" else [])) as account:
        yield account


class Dovecots:
    """One Dovecot, started once it is asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: DovecotServer | None = None

    def __call__(self) -> DovecotServer:
        if self._running is None:
            folder = Path(tempfile.mkdtemp(prefix="opsintel-dovecot-"))
            self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._running = self._stack.enter_context(running_dovecot(folder))
        return self._running
