"""Reads a mailbox of Outlook by Microsoft Graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from pydantic import BaseModel

from opsintel.clock import now
from opsintel.connectors.connection import Connection
from opsintel.connectors.contract import (
    Check,
    Connector,
    Cursor,
    Delivery,
    Failure,
    Pushed,
    ReadItem,
    Watched,
    Window,
    stream_of,
)
from opsintel.connectors.graph.checks import checks_of
from opsintel.connectors.graph.client import LIST_PAGE, GraphClient
from opsintel.connectors.graph.feed import Feed
from opsintel.connectors.graph.folders import folders_of
from opsintel.connectors.graph.manifest import MANIFEST, GraphConfig
from opsintel.connectors.graph.parse import time_of
from opsintel.connectors.graph.push import RENEWAL, received
from opsintel.connectors.graph.pushdown import push_down
from opsintel.connectors.graph.selection import Selection
from opsintel.connectors.graph.subscription import RENEW_EVERY, renew
from opsintel.errors import CredentialError, InputError, NotFoundError
from opsintel.filters.plan import Plan
from opsintel.filters.syntax import Node

_LONGEST_ID = 500


class GraphConnector(Connector, Watched, Pushed):
    """The messages of one mailbox. A move or a category is an edit; what lies in Deleted Items is deleted."""

    manifest = MANIFEST
    config: GraphConfig
    connection: Connection

    def __init__(self, config: BaseModel, connection: Connection | None = None) -> None:
        super().__init__(config, connection)
        assert isinstance(config, GraphConfig)

    def check(self) -> Sequence[Check]:
        """Return the checks: permission, mailbox, folders."""
        return checks_of(self._client, self.connection, self.config)

    def plan(self, tree: Node, now: datetime) -> Plan:
        """Split a filter; a block of Graph's own is evaluated by lists."""
        return push_down(tree, now)

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield what is new since `cursor`; `until` changes nothing, since changes come in their own order."""
        self.require_stream(stream)
        del until
        yield from self._feed().read(cursor)

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield id and time of each message of the window, folder by folder, a request for a thousand."""
        selection = self._selection
        condition = selection.window_filter(window)
        asked: dict[str, str | int] = {"$select": "id,receivedDateTime,isDraft", "$top": LIST_PAGE}
        for folder in folders_of(self._client, self.config).read.values():
            if not selection.has_folder(folder):
                continue
            params = asked | ({"$filter": condition} if condition else {})
            for row in self._client.all(f"/mailFolders/{folder.id}/messages", params):
                at = time_of(row)
                if selection.has(row) and window.holds(at):
                    yield str(row["id"]), at

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield the messages as they are now; one that is gone, deleted or not selected is a tombstone."""
        wanted = list(dict.fromkeys(key for key in keys if stream_of(key) is None))
        if RENEWAL in wanted:
            wanted.remove(RENEWAL)
            self.renew()
        for key in [key for key in wanted if not _is_id(key)]:
            wanted.remove(key)
            yield Failure("message", key, "this is no id of a message", retryable=False)
        if wanted:
            yield from self._feed().looked_up(wanted)

    def renew(self) -> datetime:
        """Prolong the subscription, or make it; without a public address the mailbox is polled."""
        push = self.connection.push
        if push is None:
            return now() + RENEW_EVERY
        return min(now() + RENEW_EVERY, renew(self._client, push))

    @classmethod
    def receive(cls, headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
        """Verify a notification by its clientState; it marks messages, or the subscription for renewal."""
        return received(headers, body, secret, received_at)

    @cached_property
    def _client(self) -> GraphClient:
        return GraphClient(self.connection, self.config)

    @property
    def _selection(self) -> Selection:
        return Selection.of(self.selection, read_drafts=self.config.read_drafts)

    def _feed(self) -> Feed:
        return Feed(self._client, folders_of(self._client, self.config), self._selection, self._own_addresses())

    def _own_addresses(self) -> tuple[str, ...]:
        """Return the addresses of the account as far as they may be asked for: Mail.Read alone does not cover it."""
        named = {self.config.mailbox.lower()} if "@" in self.config.mailbox else set()
        try:
            account = self._client.get("", {"$select": "mail,userPrincipalName,proxyAddresses"})
        except (CredentialError, InputError, NotFoundError):
            return tuple(sorted(named))
        aliases = [str(alias).partition(":")[2] for alias in account.get("proxyAddresses") or ()]
        told = [account.get("mail"), account.get("userPrincipalName"), *aliases]
        return tuple(sorted(named | {one.lower() for one in told if isinstance(one, str) and "@" in one}))


def _is_id(key: str) -> bool:
    return 0 < len(key) <= _LONGEST_ID and key.isascii() and key.isprintable() and " " not in key
