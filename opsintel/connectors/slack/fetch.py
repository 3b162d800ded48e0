"""Messages and threads by their keys: for repair, for retries, and for what a push marked dirty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from opsintel.connectors.contract import Failure, ReadItem, Tombstone, Upsert
from opsintel.connectors.files.text import plain
from opsintel.connectors.slack.client import SlackClient
from opsintel.connectors.slack.directory import Channels, Users
from opsintel.connectors.slack.faults import GONE, SkippedError
from opsintel.connectors.slack.selection import Selection
from opsintel.connectors.slack.times import is_ts
from opsintel.connectors.slack.walk import Reader

_KEY = re.compile(r"([A-Za-z0-9]+)([/:])(\d{1,12}\.\d{1,9})\Z")
_CHANNEL = re.compile(r"[A-Z0-9]+\Z")


def fetched(
    client: SlackClient, channels: Channels, users: Users, selection: Selection, keys: Iterable[str]
) -> Iterator[ReadItem]:
    """Yield what the keys name, each message once: `channel/ts`, `channel:ts` for a whole thread, or a channel.

    A message that is gone is a tombstone. One in a channel that cannot be read now is a failure that may be tried
    again; one that the configuration or the filter leaves out gives nothing. A channel's key asks only whether it can
    be read again: `read` goes on where it stood.
    """
    seen: set[str] = set()
    for key in sorted(set(keys), key=lambda key: (":" not in key, key)):
        if key in seen:
            continue
        try:
            for item in _items(client, channels, users, selection, key):
                seen.add(item.key if isinstance(item, Failure) else item.native_id)
                yield item
        except SkippedError as error:
            yield Failure("message", plain(key), error.line(), retryable=True)


def _items(
    client: SlackClient, channels: Channels, users: Users, selection: Selection, key: str
) -> Iterator[Upsert | Tombstone | Failure]:
    found = _KEY.match(key)
    if found is None:
        if not _CHANNEL.match(key):
            yield Failure("message", plain(key), "no id of a message (channel/ts)", retryable=False)
        elif channels.one(key) is not None:
            client.history(key, "", "")
        return
    channel_id, kind, ts = found.groups()
    channel = channels.one(channel_id)
    if channel is None:
        return
    reader = Reader(client, channel, channels, users, selection)
    try:
        if kind == ":":
            yield from reader.thread(ts)
        else:
            yield from _one(client, reader, channel_id, ts)
    except SkippedError as error:
        if error.reason not in GONE:
            raise
        yield Tombstone(f"{channel_id}/{ts}", None)


def _one(client: SlackClient, reader: Reader, channel_id: str, ts: str) -> Iterator[Upsert | Tombstone]:
    """Yield one message. Slack may answer with the thread's root alone, which says where a reply is to be found."""
    shown = [message for message in client.one(channel_id, ts) if isinstance(message, dict)]
    root = shown[0].get("thread_ts") if shown else None
    if is_ts(root) and root != ts and not any(message.get("ts") == ts for message in shown):
        shown = [message for message in client.one(channel_id, ts, root) if isinstance(message, dict)]
    for message in shown:
        if message.get("ts") == ts:
            item = reader.item(message)
            if item:
                yield item
            return
    yield Tombstone(f"{channel_id}/{ts}", None)
