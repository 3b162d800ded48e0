"""Reads a Slack workspace: channels, threads, and what changes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel

from opsintel.connectors.connection import Connection
from opsintel.connectors.contract import (
    Check,
    Connector,
    Cursor,
    Delivery,
    Live,
    Pushed,
    ReadItem,
    Window,
)
from opsintel.connectors.slack.census import census_of
from opsintel.connectors.slack.checks import checks_of
from opsintel.connectors.slack.client import SlackClient
from opsintel.connectors.slack.cursor import states_of
from opsintel.connectors.slack.directory import Channels, Users
from opsintel.connectors.slack.events import verified_delivery
from opsintel.connectors.slack.fetch import fetched
from opsintel.connectors.slack.live import heard
from opsintel.connectors.slack.manifest import MANIFEST, SlackConfig
from opsintel.connectors.slack.pushdown import push_down
from opsintel.connectors.slack.selection import Selection
from opsintel.connectors.slack.workspace import Workspace
from opsintel.errors import InputError
from opsintel.filters.plan import Plan
from opsintel.filters.syntax import Node


class SlackConnector(Connector, Pushed, Live):
    """One workspace, with one token."""

    manifest = MANIFEST

    def __init__(self, config: BaseModel, connection: Connection | None = None) -> None:
        assert isinstance(config, SlackConfig)
        super().__init__(config, connection)
        self._config = config

    def check(self) -> Sequence[Check]:
        """Return the checks of token, scopes, mail addresses, workspace and channels."""
        with self._client() as client:
            return list(checks_of(client, self._config))

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield what is new, then late replies and edits where they are due to be looked for, then what is old."""
        self.require_stream(stream)
        with self._client() as client:
            selection = self._selection(until)
            workspace = Workspace(client, self._channels(client), Users(client), selection, states_of(cursor))
            yield from workspace.read()

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield each message of the window; replies whose thread began up to 30 days before it are in it."""
        with self._client() as client:
            selection = self._selection()
            yield from census_of(client, self._channels(client), Users(client), selection, window)

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield the messages of ids (`channel/ts`) and threads (`channel:ts`); a tombstone for what is gone."""
        with self._client() as client:
            selection = self._selection()
            yield from fetched(client, self._channels(client), Users(client), selection, keys)

    def plan(self, tree: Node, now: datetime) -> Plan:
        """Return what Slack evaluates of a filter."""
        return push_down(tree, now)

    @classmethod
    def receive(cls, headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
        """Verify a push of the Events API and return what it marks dirty."""
        return verified_delivery(headers, body, secret, received_at)

    def listen(self, stop: Callable[[], bool]) -> Iterator[tuple[str, ...]]:
        """Yield what Socket Mode marks dirty; Slack is told that keys arrived when the caller asks for the next."""
        with self._client() as client:
            yield from heard(client, stop)

    def _client(self) -> SlackClient:
        assert self.connection is not None
        return SlackClient(self.connection, self._config.base_url, self._config.app)

    def _selection(self, until: datetime | None = None) -> Selection:
        if self.selection.get("search"):
            raise InputError(
                "Slack searches for people and for no app, so a block slack:{…} cannot select what is read",
                remedy="Use the terms of the filter language instead",
            )
        return Selection.of(self._config, self.selection, until)

    def _channels(self, client: SlackClient) -> Channels:
        return Channels(client, self._config, self.selection.get("channels"))
