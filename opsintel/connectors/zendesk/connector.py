"""The connector for Zendesk: tickets and their comments, each an item."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from opsintel.connectors.connection import Connection
from opsintel.connectors.contract import (
    Check,
    Checkpoint,
    Connector,
    Cursor,
    Delivery,
    Failure,
    Pushed,
    ReadItem,
    Tombstone,
    Upsert,
    Verdict,
    Window,
)
from opsintel.connectors.files.times import value_time
from opsintel.connectors.zendesk.census import count
from opsintel.connectors.zendesk.checks import checks_of
from opsintel.connectors.zendesk.client import CursorGoneError, ZendeskClient, seconds
from opsintel.connectors.zendesk.events import changes_comments, comments_of, ticket_of, time_of
from opsintel.connectors.zendesk.manifest import MANIFEST, ZendeskConfig
from opsintel.connectors.zendesk.parse import comment_key, comment_upsert, ticket_upsert
from opsintel.connectors.zendesk.position import Position
from opsintel.connectors.zendesk.pushdown import push_down
from opsintel.connectors.zendesk.webhooks import delivery_of
from opsintel.errors import CredentialError, ItemError
from opsintel.filters.plan import Plan
from opsintel.filters.syntax import Node

ITEMS_BETWEEN_CHECKPOINTS = 300
EVENTS_AT_ONCE = 100
"""Events whose tickets and people are looked up together."""

RECENT = 120
"""Seconds that are read again after the events: an export leaves out the last minute, and none may begin in it."""

_KEY = re.compile(r"(\d{1,18})(?:/(\d{1,18}|\*))?\Z", re.ASCII)


class ZendeskConnector(Connector, Pushed):
    """Comments in bulk by the export of events, then tickets by their time of change, each with all its comments."""

    manifest = MANIFEST

    def __init__(self, config: BaseModel, connection: Connection | None = None) -> None:
        super().__init__(config, connection)
        assert isinstance(config, ZendeskConfig)
        self._config = config

    def check(self) -> Sequence[Check]:
        """Return the checks of credential, scopes, role, export and search."""
        try:
            with self._client() as client:
                return list(checks_of(client, self._search))
        except CredentialError as error:
            return [Check("credential", Verdict.FAILED, True, error.message, error.remedy)]

    def plan(self, tree: Node, now: datetime) -> Plan:
        """Return what Zendesk evaluates of a filter."""
        return push_down(tree, now)

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield what is new since; `until` ends at that time of change."""
        self.require_stream(stream)
        position = Position.of(cursor, self._start)
        end = None if until is None else seconds(until)
        with self._client() as client:
            chosen = self._chosen(client)
            if position.phase == "events":
                yield from self._read_events(client, position, chosen, end)
            if position.phase == "tickets":
                yield from self._read_tickets(client, position, chosen, end)
        yield Checkpoint(position.cursor())

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield each ticket and comment of the window once, by the two exports alone."""
        with self._client() as client:
            yield from count(client, window, self._start, self._chosen(client))

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield the named items; what is gone, or no longer of this source, is a tombstone."""
        wanted: dict[int, set[str]] = {}
        for key in keys:
            match = _KEY.match(key)
            if match is None:
                yield Failure("ticket", key, "this is no key of Zendesk", retryable=False)
            else:
                wanted.setdefault(int(match.group(1)), set()).add(match.group(2) or "")
        if not wanted:
            return
        with self._client() as client:
            chosen = self._chosen(client)
            tickets = client.tickets(one for one in wanted if chosen is None or one in chosen)
            for one, parts in sorted(wanted.items()):
                items = self._ticket(client, tickets[one]) if one in tickets else [Tombstone(str(one), None)]
                found: dict[str, ReadItem] = {
                    item.key if isinstance(item, Failure) else item.native_id: item for item in items
                }
                asked = {str(one) if part in ("", "*") else comment_key(one, part) for part in parts}
                if "*" in parts:
                    asked.update(found)
                yield from (found.get(key) or Tombstone(key, None) for key in sorted(asked))

    @classmethod
    def receive(cls, headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
        """Verify a push and return the keys that it marks dirty."""
        return delivery_of(headers, body, secret, received_at)

    def _client(self) -> ZendeskClient:
        assert self.connection is not None
        return ZendeskClient(self._config, self.connection)

    @property
    def _start(self) -> int:
        """From which second of change the source is read."""
        start = self.selection.get("start_time")
        return max(start, 0) if isinstance(start, int) else 0

    @property
    def _search(self) -> str:
        return str(self.selection.get("search", ""))

    def _chosen(self, client: ZendeskClient) -> set[int] | None:
        """Return the tickets that the filter's search finds; None for all."""
        return client.matching(self._search) if self._search else None

    def _read_events(
        self, client: ZendeskClient, position: Position, chosen: Collection[int] | None, end: int | None
    ) -> Iterator[ReadItem]:
        """Yield all comments in the order in which they were made. Then tickets are due that changed meanwhile."""
        while True:
            page = client.export_events(position.start_time)
            position.began = position.began or max(seconds(client.moment) - RECENT, 0)
            rewritten = {ticket_of(event) for event in page.events if changes_comments(event)}
            seen = set(position.seen)
            fresh = [event for event in page.events if str(event.get("id")) not in seen]
            for start in range(0, len(fresh), EVENTS_AT_ONCE):
                events = fresh[start : start + EVENTS_AT_ONCE]
                if end is not None and any(time_of(event) > end for event in events):
                    events = [event for event in events if time_of(event) <= end]
                    yield from self._events(client, events, rewritten, chosen)
                    position.seen += [str(event.get("id")) for event in events]
                    return
                yield from self._events(client, events, rewritten, chosen)
                position.seen += [str(event.get("id")) for event in events]
                yield Checkpoint(position.cursor())
            if page.is_last:
                position.phase, position.start_time, position.seen = "tickets", position.began, []
                return
            position.start_time = max(page.end_time, position.start_time + 1)
            position.seen = [str(event.get("id")) for event in page.events if time_of(event) >= position.start_time]
            yield Checkpoint(position.cursor())

    def _events(
        self,
        client: ZendeskClient,
        events: Sequence[Mapping[str, Any]],
        rewritten: Collection[int],
        chosen: Collection[int] | None,
    ) -> Iterator[ReadItem]:
        """Yield the comments of some events. Tickets whose comments were rewritten are read as they are now."""
        made = [(ticket_of(event), *comment) for event in events for comment in comments_of(event)]
        wanted = {ticket_of(event) for event in events if changes_comments(event)} | {one for one, _, _ in made}
        tickets = client.tickets(one for one in wanted if one and (chosen is None or one in chosen))
        authors = [comment.get("author_id") for one, comment, _ in made if one in tickets]
        client.learn_users(author for author in authors if isinstance(author, int))
        for one, comment, is_first in made:
            if one in tickets and one not in rewritten:
                yield self._comment(client, tickets[one], comment, is_first=is_first)
        for one in sorted(wanted & set(rewritten) & tickets.keys()):
            yield from self._ticket(client, tickets[one])

    def _read_tickets(
        self, client: ZendeskClient, position: Position, chosen: Collection[int] | None, end: int | None
    ) -> Iterator[ReadItem]:
        """Yield changed tickets with all of their comments, and deleted ones."""
        while True:
            try:
                page = client.export_tickets(position.start_time, position.after)
            except CursorGoneError:
                position.after, position.seen = "", []
                position.start_time = max(position.generated - RECENT, 0)
                continue
            unsaved, seen = 0, set(position.seen)
            for ticket in page.tickets:
                changed = ticket.get("generated_timestamp")
                mark = f"{ticket.get('id')}:{changed}"
                if end is not None and isinstance(changed, int) and changed > end:
                    return
                if mark in seen or (chosen is not None and ticket.get("id") not in chosen):
                    continue
                for item in self._changed(client, ticket):
                    yield item
                    unsaved += 1
                position.seen.append(mark)
                if unsaved >= ITEMS_BETWEEN_CHECKPOINTS:
                    yield Checkpoint(position.cursor())
                    unsaved = 0
            times = [t for ticket in page.tickets if isinstance(t := ticket.get("generated_timestamp"), int)]
            position.generated = max([position.generated, *times])
            if page.after:
                position.after, position.seen = page.after, []
            if page.is_last:
                return
            yield Checkpoint(position.cursor())

    def _changed(self, client: ZendeskClient, ticket: Mapping[str, Any]) -> Iterator[ReadItem]:
        if ticket.get("status") == "deleted":
            yield Tombstone(str(ticket.get("id")), value_time(ticket.get("generated_timestamp")))
        else:
            yield from self._ticket(client, ticket)

    def _ticket(self, client: ZendeskClient, ticket: Mapping[str, Any]) -> Iterator[Upsert | Tombstone | Failure]:
        """Yield a ticket with all of its comments as they are now, or that it is gone."""
        number = ticket.get("id")
        comments = client.comments(number) if isinstance(number, int) else []
        if comments is None:
            yield Tombstone(str(number), None)
            return
        if not comments:
            try:
                yield ticket_upsert(ticket, None, client.names, client.address)
            except ItemError as broken:
                yield Failure("ticket", str(number), broken.message, retryable=False)
        for index, comment in enumerate(comments):
            yield self._comment(client, ticket, comment, is_first=index == 0)

    def _comment(
        self, client: ZendeskClient, ticket: Mapping[str, Any], comment: Mapping[str, Any], *, is_first: bool
    ) -> Upsert | Failure:
        try:
            if is_first:
                return ticket_upsert(ticket, comment, client.names, client.address)
            return comment_upsert(ticket, comment, client.names, client.address)
        except ItemError as broken:
            return Failure("comment", comment_key(ticket["id"], comment.get("id")), broken.message, retryable=False)
