"""Reads a mailbox of Gmail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from pydantic import BaseModel

from opsintel.clock import now
from opsintel.connectors.connection import Connection, Credential
from opsintel.connectors.contract import (
    Check,
    Connector,
    Cursor,
    Delivery,
    Live,
    Pushed,
    ReadItem,
    Watched,
    Window,
    news_of,
    stream_of,
)
from opsintel.connectors.gmail.checks import checks_of
from opsintel.connectors.gmail.client import GmailClient, ItemFault
from opsintel.connectors.gmail.feed import Feed, Place, fetched
from opsintel.connectors.gmail.manifest import MANIFEST, GmailConfig
from opsintel.connectors.gmail.news import Subscription
from opsintel.connectors.gmail.parse import Account, label_ids, time_of
from opsintel.connectors.gmail.push import push_trust, received
from opsintel.connectors.gmail.pushdown import push_down
from opsintel.connectors.gmail.selection import Selection, bounds_of
from opsintel.errors import InputError, UnavailableError
from opsintel.filters.plan import Plan
from opsintel.filters.syntax import Node
from opsintel.net.client import open_client

RENEW_EVERY = timedelta(days=1)
"""A watch ends after seven days; Google asks to renew it once a day."""
RENEW_KEYS_EVERY = timedelta(hours=6)
"""Google's keys change about once a week, the next one being published before it signs."""
PULL_SECONDS = 10.0
"""Between pulls without news."""


class GmailConnector(Connector, Watched, Pushed, Live):
    """The messages of one mailbox. A label that is added or taken away is an edit; the trash is a deletion."""

    manifest = MANIFEST
    config: GmailConfig
    connection: Connection

    def __init__(self, config: BaseModel, connection: Connection | None = None) -> None:
        super().__init__(config, connection)
        assert isinstance(config, GmailConfig)

    def check(self) -> Sequence[Check]:
        """Return the checks: mailbox, scope, topic and subscription."""
        return checks_of(self._client, self.connection, self.config)

    def plan(self, tree: Node, now: datetime) -> Plan:
        """Split a filter; with a connection the ids of the account's labels are known."""
        names = self._client.labels() if self.connection is not None else {}
        return push_down(tree, now, {name: identifier for identifier, name in names.items()})

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield what is new since `cursor`; `until` changes nothing, since changes come in their own order."""
        self.require_stream(stream)
        del until
        profile = self._client.profile()
        yield from self._feed().read(Place.of(cursor), profile.history_id)

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield id and time of each message of the window. Gmail lists ids alone, so each is asked for its time."""
        selection, page = Selection.of(self.config, self.selection), ""
        while True:
            listed = self._client.messages(selection.parameters(*bounds_of(window)), page)
            for key, answer in self._client.minimal(listed.entries):
                if isinstance(answer, ItemFault):
                    if not answer.gone:
                        raise UnavailableError(f"A message could not be counted: {answer.reason}")
                    continue
                at = time_of(answer)
                if selection.has(label_ids(answer)) and window.holds(at):
                    yield key, at
            page = listed.next_page
            if not page:
                return

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield the messages as they are now; one that is gone, in the trash or not selected is a tombstone."""
        wanted = [key for key in keys if stream_of(key) is None]
        if wanted:
            yield from fetched(self._feed(), wanted)

    def renew(self) -> datetime:
        """Begin the watch, or end it where no topic is configured any more; fetch the keys of pushes."""
        if not self.config.topic:
            self._client.stop()
            return now() + RENEW_EVERY
        ends = self._client.watch(self.config.topic)
        if not self._push_audience:
            return min(now() + RENEW_EVERY, ends)
        self.connection.renewed(self.connection.credential(), self._with_push_trust)
        return min(now() + RENEW_KEYS_EVERY, ends)

    @classmethod
    def receive(cls, headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
        """Verify a push; `secret` is the credential's `push_trust`. It marks the stream, as no message is named."""
        return received(headers, body, secret, received_at)

    def listen(self, stop: Callable[[], bool]) -> Iterator[tuple[str, ...]]:
        """Pull from the subscription. What tells of other mailboxes is left for their sources."""
        if not self.config.subscription:
            raise InputError("No subscription to pull from is configured", remedy="Enter one, or poll the mailbox")
        mailbox = self._client.profile().address
        with Subscription(self.connection, self.config) as subscription:
            while not stop():
                pulled = subscription.pull()
                ours = [message for message in pulled if message.mailbox in (mailbox, None)]
                is_news = any(message.mailbox == mailbox for message in ours)
                yield (news_of("messages"),) if is_news else ()
                subscription.acknowledge(ours)
                if not is_news and not stop():
                    self.connection.wait(PULL_SECONDS)

    @cached_property
    def _client(self) -> GmailClient:
        return GmailClient(self.connection, self.config)

    def _feed(self) -> Feed:
        account = Account(self._client.labels(), self._client.own_addresses())
        return Feed(self._client, Selection.of(self.config, self.selection), account)

    @property
    def _push_audience(self) -> str:
        """Return whom pushes are signed for; '' where none are to be expected."""
        address = self.connection.push.url if self.connection.push is not None else ""
        return (self.config.push_audience or address) if self.config.push_account else ""

    def _with_push_trust(self, held: Credential) -> Credential:
        with open_client(self.connection.policy, self.connection.trust) as client:
            answer = client.get(self.config.keys_url, headers={"Accept": "application/json"})
        try:
            keys = answer.json() if answer.status_code == 200 else None
        except (ValueError, RecursionError):
            keys = None
        if not isinstance(keys, dict):
            raise UnavailableError(f"Google's keys cannot be read (status {answer.status_code})")
        return {**held, "push_trust": push_trust(self._push_audience, self.config.push_account, keys)}
