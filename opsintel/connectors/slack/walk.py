"""A walk over a channel's history: from the newest message down, with the threads that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from opsintel.connectors.contract import Checkpoint, Failure, ReadItem, Tombstone, Upsert
from opsintel.connectors.files.text import bounded
from opsintel.connectors.slack.client import Page, SlackClient
from opsintel.connectors.slack.cursor import GONE_KEPT, ChannelState, Walk
from opsintel.connectors.slack.directory import Channels, Users
from opsintel.connectors.slack.faults import GONE, SkippedError
from opsintel.connectors.slack.parse import message_upsert, native_id
from opsintel.connectors.slack.selection import Selection
from opsintel.connectors.slack.times import at_seconds, is_ts, latest, order, seconds_of

FOLLOWED = 3600
"""Seconds after its last reply for which a thread is read again at each walk: most edits come soon."""
PAGE_ITEMS = 400
"""Messages between two checkpoints at most; Slack's pages may hold more."""


class Reader:
    """Turns messages of one channel into items."""

    def __init__(
        self, client: SlackClient, channel: dict[str, Any], channels: Channels, users: Users, selection: Selection
    ) -> None:
        self._client, self._channel = client, channel
        self._channels, self._users, self._selection = channels, users, selection

    def item(self, message: dict[str, Any]) -> Upsert | Tombstone | None:
        """Return the item of a message with a `ts`; None for one that is not wanted."""
        if not self._selection.is_within(message["ts"]):
            return None
        if message.get("subtype") == "tombstone":
            return Tombstone(native_id(self._channel["id"], message["ts"]), None)
        users = self._users.of(message)
        if not self._selection.takes(message, users):
            return None
        names = self._channels.names(message)
        return message_upsert(message, self._channel, users, names, places_of(self._channel["id"], message))

    def walk(self, walk: Walk, state: ChannelState, checkpoint: Callable[[], Checkpoint]) -> Iterator[ReadItem]:
        """Yield what a walk finds from where it stands, with checkpoints; when it ends it has come to its end.

        Raises `SkippedError` where the channel cannot be read: the walk stays where it is.
        """
        if walk.thread:
            yield from self._thread(walk, checkpoint)
        following, count = "", 0
        while True:
            page, before = self._client.history(self._channel["id"], walk.oldest, walk.low, following), walk.low
            for message in self.newest_first(page):
                if isinstance(message, Failure):
                    yield message
                    continue
                walk.top = latest(walk.top, message["ts"])
                found = self._changed(message, walk, state)
                if found:
                    yield found
                    count += 1
                walk.low = message["ts"]
                if self._has_news(message, walk):
                    walk.thread = (message["ts"], self._known_until(walk))
                    yield from self._thread(walk, checkpoint)
                    count = 0
                elif count >= PAGE_ITEMS:
                    yield checkpoint()
                    count = 0
            # A page may hold no message before the end; only Slack's own cursor leads on from there.
            following = page.next_cursor if walk.low == before else ""
            if not page.has_more or (walk.low == before and not following):
                return
            yield checkpoint()
            count = 0

    def thread(self, root: str) -> Iterator[Upsert | Tombstone | Failure]:
        """Yield a whole thread with its root; raises `SkippedError` where there is none."""
        for number, page in enumerate(self._thread_pages(root, "")):
            for message in reversed(self.newest_first(page)):
                if isinstance(message, Failure):
                    yield message
                elif number == 0 or message["ts"] != root:
                    found = self.item(message)
                    if found:
                        yield found

    def newest_first(self, page: Page) -> list[dict[str, Any] | Failure]:
        """Return the messages of a page, the newest first; one without a usable `ts` is a failure."""
        usable = [message for message in page.messages if isinstance(message, dict) and is_ts(message.get("ts"))]
        usable.sort(key=lambda message: order(message["ts"]), reverse=True)
        found: list[dict[str, Any] | Failure] = [*usable]
        if len(usable) < len(page.messages):
            key = f"{bounded(self._channel['id'])}/without ts"
            found.append(
                Failure("message", key, "a message without a ts, or with one that is no time", retryable=False)
            )
        return found

    def _thread_pages(self, root: str, after: str) -> Iterator[Page]:
        following = ""
        while True:
            page = self._client.replies(self._channel["id"], root, after, following)
            yield page
            following = page.next_cursor
            if not page.has_more or not following:
                return

    def _thread(self, walk: Walk, checkpoint: Callable[[], Checkpoint]) -> Iterator[ReadItem]:
        """Yield the replies of the walk's thread; those that history shows too are left to it, to be read once."""
        assert walk.thread is not None
        root, after = walk.thread
        try:
            for page in self._thread_pages(root, after):
                for reply in reversed(self.newest_first(page)):
                    if isinstance(reply, Failure):
                        yield reply
                    elif reply["ts"] != root:
                        after = latest(after, reply["ts"])
                        found = None if reply.get("subtype") == "thread_broadcast" else self._reply(reply, walk)
                        if found:
                            yield found
                walk.thread = (root, after) if page.has_more else None
                yield checkpoint()
        except SkippedError as error:
            if error.reason not in GONE:
                raise
        walk.thread = None

    def _reply(self, reply: dict[str, Any], walk: Walk) -> Upsert | Tombstone | None:
        return self.item(reply) if not walk.since or _is_after(walk.since, reply) else None

    def _changed(self, message: dict[str, Any], walk: Walk, state: ChannelState) -> Upsert | Tombstone | None:
        """Return the item of a message that this walk is to take."""
        if message.get("subtype") == "tombstone":
            if message["ts"] in state.gone:
                return None
            state.gone = sorted([*state.gone, message["ts"]], key=order)[-GONE_KEPT:]
        elif walk.since and not _is_after(walk.since, message):
            return None
        return self.item(message)

    def _has_news(self, message: dict[str, Any], walk: Walk) -> bool:
        """Tell whether a message is the root of a thread with replies that this walk is to take."""
        if message.get("thread_ts") != message["ts"] or not (message.get("reply_count") or message.get("latest_reply")):
            return False
        last = message.get("latest_reply")
        return not is_ts(last) or self._is_news(last, walk)

    def _is_news(self, last: str, walk: Walk) -> bool:
        return order(last) > order(self._known_until(walk)) and order(last) >= order(self._selection.floor)

    def _known_until(self, walk: Walk) -> str:
        """Return the `ts` up to which the replies of threads are known to a walk; '' for none."""
        return at_seconds(seconds_of(walk.since) - FOLLOWED) if walk.since else ""


def places_of(channel_id: str, message: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of failures that a message mends: its channel's, and its thread's."""
    root = message.get("thread_ts")
    return (bounded(channel_id), thread_key(channel_id, root if is_ts(root) else message["ts"]))


def thread_key(channel_id: str, root: str) -> str:
    """Return the key of a whole thread."""
    return f"{bounded(channel_id)}:{root}"


def _is_after(since: str, message: dict[str, Any]) -> bool:
    """Tell whether a message was written or edited after a moment."""
    edited = message.get("edited")
    at = edited.get("ts") if isinstance(edited, dict) else None
    return order(latest(message["ts"], at if is_ts(at) else "")) > order(since)
