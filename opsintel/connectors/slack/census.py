"""The ids of a workspace's messages in a window of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from opsintel.connectors.contract import Checkpoint, Upsert, Window
from opsintel.connectors.slack.client import SlackClient
from opsintel.connectors.slack.cursor import ChannelState, Walk
from opsintel.connectors.slack.directory import Channels, Users
from opsintel.connectors.slack.faults import SkippedError
from opsintel.connectors.slack.selection import Selection
from opsintel.connectors.slack.times import at_moment
from opsintel.connectors.slack.walk import Reader

REACH = timedelta(days=30)
"""How long before a window a thread may have begun whose replies in it are counted."""


def census_of(
    client: SlackClient, channels: Channels, users: Users, selection: Selection, window: Window
) -> Iterator[tuple[str, datetime | None]]:
    """Yield id and time of each message of the window, read as `read` does but kept nowhere.

    A channel that cannot be read now gives none; its messages are not gone, which `fetch` of one of them says.
    """
    narrowed = selection.within(window)
    oldest = at_moment(window.start - REACH) if window.start else ""
    for channel in channels.read():
        walk = Walk(oldest=oldest, low=narrowed.ceiling)
        reader = Reader(client, channel, channels, users, narrowed)
        try:
            for item in reader.walk(walk, ChannelState(), _nowhere):
                if isinstance(item, Upsert):
                    yield item.native_id, item.occurred_at
        except SkippedError:
            continue


def _nowhere() -> Checkpoint:
    return Checkpoint({})
