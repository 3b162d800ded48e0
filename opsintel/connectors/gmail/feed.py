"""Reading a mailbox on: everything once, then what its history tells, and what the gap holds where that was too old."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from opsintel.connectors.contract import Checkpoint, Cursor, Failure, ReadItem, Tombstone
from opsintel.connectors.gmail.client import GmailClient, ItemFault, Listed
from opsintel.connectors.gmail.parse import Account, label_ids, milliseconds_of, upsert_of
from opsintel.connectors.gmail.selection import Selection, between
from opsintel.errors import InputError, NotFoundError

OVERLAP = timedelta(days=2)
"""How far before the youngest known message a gap is read again: mail comes late, and not in the order of its time."""

ID = re.compile(r"[0-9A-Za-z]{1,64}")
_LISTED, _NEW, _CHANGED, _DELETED = "listed", "new", "changed", "deleted"


@dataclass(frozen=True)
class Place:
    """Where a reading stands. With `history` alone all before it is read; else a list is being read to its end.

    Times are milliseconds: `newest` of all that was read, `oldest` of this list so far; the list holds what came since
    `since` and, in seconds, before `before`. `labels` are hashes of the names that messages were read with.
    """

    history: str
    newest: int = 0
    listing: bool = False
    page: str = ""
    oldest: int = 0
    since: int = 0
    before: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Cursor | None) -> Place | None:
        """Return the place of a cursor; None for none, and for what is no cursor of this kind."""
        try:
            place = cls(**(cursor or {}))
        except TypeError:
            return None
        numbers = (place.newest, place.oldest, place.since, place.before)
        is_ours = str(place.history).isdecimal() and isinstance(place.page, str) and isinstance(place.labels, dict)
        return place if is_ours and all(isinstance(number, int) for number in numbers) else None

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint of this place: its fields, without those that say nothing."""
        fields = ("history", "newest", "listing", "page", "oldest", "since", "before", "labels")
        return Checkpoint({name: getattr(self, name) for name in fields if getattr(self, name)})


@dataclass
class Feed:
    """A mailbox that is read: what is selected of it, and how its messages are described."""

    client: GmailClient
    selection: Selection
    account: Account
    newest: int = 0
    oldest: int = 0

    def read(self, place: Place | None, now_at: str) -> Iterator[ReadItem]:
        """Yield what is new since a place; `now_at` is the mailbox's present history id."""
        labels = self.account.hashes()
        if place is None:
            # The id from before the first page: what changes meanwhile is told by the history behind it.
            yield from self.listed(Place(now_at, listing=True, labels=labels))
        elif place.listing:
            yield from self.listed(place)
        else:
            self.newest = place.newest
            renamed = [label for label, name in place.labels.items() if labels.get(label, name) != name]
            for label in renamed:
                yield from self._relabelled(label)
            place = replace(place, labels=labels)
            if renamed:
                yield place.checkpoint()
            if place.history != now_at:
                yield from self._since(place, now_at)

    def listed(self, place: Place) -> Iterator[ReadItem]:
        """Yield the messages of a list page by page, youngest first, then be where the history goes on."""
        self.newest, self.oldest = place.newest, place.oldest
        while True:
            try:
                page = self._page(place)
            except InputError:
                # The token has ended, or was never one: go on below the oldest message that was read.
                if not place.page:
                    raise
                place = replace(place, page="", before=place.oldest // 1000 + 1 if place.oldest else 0)
                page = self._page(place)
            yield from self.items(dict.fromkeys(page.entries, _LISTED))
            if not page.next_page:
                break
            place = replace(place, page=page.next_page, newest=self.newest, oldest=self.oldest)
            yield place.checkpoint()
        yield Place(place.history, self.newest, labels=place.labels).checkpoint()

    def changes(self, place: Place) -> Iterator[ReadItem]:
        """Yield what the history tells after a place. Raises `NotFoundError` where it reaches not so far back."""
        page, reached = "", place.history
        while True:
            try:
                listed = self.client.history(place.history, page)
            except InputError:
                if not page or reached == place.history:
                    raise
                place, page = replace(place, history=reached), ""
                continue
            yield from self.items(_changes(listed.entries))
            reached = next((str(record["id"]) for record in reversed(listed.entries) if "id" in record), reached)
            page = listed.next_page
            if not page:
                break
            yield Place(reached, self.newest, labels=place.labels).checkpoint()
        ends = listed.history_id if listed.history_id.isdecimal() else reached
        yield Place(ends, self.newest, labels=place.labels).checkpoint()

    def items(self, wanted: Mapping[str, str]) -> Iterator[ReadItem]:
        """Yield the items of some messages, named with what befell them; what is not selected is as if deleted.

        Of a message that is new nothing is stored: where it is gone already, or not selected, there is nothing to say.
        """
        absent = [key for key, befell in wanted.items() if befell == _DELETED]
        there = [key for key, befell in wanted.items() if befell != _DELETED]
        unsure = [key for key in there if wanted[key] != _LISTED] if self.selection.q else []
        unfound = set(unsure) - self.found(unsure)
        for key, answer in self.client.raw(key for key in there if key not in unfound):
            if isinstance(answer, ItemFault) and not answer.gone:
                yield Failure("message", key, answer.reason, answer.retryable)
            elif isinstance(answer, ItemFault) or not self.selection.has(label_ids(answer)):
                unfound.add(key)
            else:
                self._seen(answer)
                yield upsert_of(key, answer, self.account)
        absent += [key for key in there if key in unfound and wanted[key] == _CHANGED]
        yield from (Tombstone(key, None) for key in absent)

    def found(self, keys: Iterable[str]) -> set[str]:
        """Return those messages that the search finds; one that could not be asked for is left to be read."""
        times, unknown = {}, set()
        for key, answer in self.client.minimal(keys):
            if isinstance(answer, ItemFault):
                unknown |= set() if answer.gone else {key}
            elif self.selection.has(label_ids(answer)):
                times[key] = milliseconds_of(answer) or 0
        return unknown | self.selection.found(self.client, times)

    def _since(self, place: Place, now_at: str) -> Iterator[ReadItem]:
        """Yield what the history tells; where Gmail has dropped it, what came since shortly before the youngest."""
        try:
            yield from self.changes(place)
        except NotFoundError:
            since = max(self.newest - int(OVERLAP.total_seconds() * 1000), 0)
            yield from self.listed(Place(now_at, self.newest, listing=True, since=since, labels=place.labels))

    def _relabelled(self, label: str) -> Iterator[ReadItem]:
        """Yield the messages of a label that has another name now: their histories do not tell it."""
        asked, page = self.selection.parameters(), ""
        asked["labelIds"] = sorted({*asked.get("labelIds", ()), label})
        while True:
            listed = self.client.messages(asked, page)
            yield from self.items(dict.fromkeys(listed.entries, _LISTED))
            page = listed.next_page
            if not page:
                return

    def _page(self, place: Place) -> Listed:
        bounds = between(place.since // 1000 if place.since else None, place.before or None)
        return self.client.messages(self.selection.parameters(*bounds), place.page)

    def _seen(self, message: Mapping[str, Any]) -> None:
        milliseconds = milliseconds_of(message)
        if milliseconds is not None:
            self.newest = max(self.newest, milliseconds)
            self.oldest = min(self.oldest or milliseconds, milliseconds)


def fetched(feed: Feed, keys: Iterable[str]) -> Iterator[ReadItem]:
    """Yield the items of some keys as they are now."""
    wanted = dict.fromkeys(keys, _CHANGED)
    for key in [key for key in wanted if not ID.fullmatch(key)]:
        del wanted[key]
        yield Failure("message", key, "this is no id of a message", retryable=False)
    yield from feed.items(wanted)


def _changes(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return what befell each message in a page of history: deleted for good, new, or its labels changed."""
    befell: dict[str, str] = {}
    for record in records:
        for key in _ids(record, "messagesAdded"):
            befell.setdefault(key, _NEW)
        for key in (*_ids(record, "labelsAdded"), *_ids(record, "labelsRemoved")):
            befell.setdefault(key, _CHANGED)
        for key in _ids(record, "messagesDeleted"):
            if befell.get(key) == _NEW:
                del befell[key]
            else:
                befell[key] = _DELETED
    return befell


def _ids(record: Mapping[str, Any], name: str) -> list[str]:
    return [str(entry["message"]["id"]) for entry in record.get(name, [])]
