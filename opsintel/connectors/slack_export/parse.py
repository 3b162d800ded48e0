"""From the files of a Slack export to items (slack.com/help/articles/220556107, "How to read Slack data exports")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.files.text import plain
from opsintel.connectors.slack.parse import Directory, channel_of, message_upsert
from opsintel.connectors.slack.times import is_ts

# Where an export lists its conversations, and whether only members see them.
CHANNEL_LISTS = {"channels.json": False, "groups.json": True, "mpims.json": True, "dms.json": True}
DAY_FILE = re.compile(r"([^/]+)/(\d{4}-\d{2}-\d{2})\.json\Z")


def channels_of(list_name: str, value: object) -> dict[str, dict[str, Any]]:
    """Return the conversations of a list by the name of their folder: the channel's, or the id of a direct one."""
    channels = {}
    for channel in value if isinstance(value, list) else ():
        if isinstance(channel, dict) and isinstance(channel.get("id"), str):
            found = channel_of(
                channel,
                is_private=CHANNEL_LISTS[list_name],
                is_im=list_name == "dms.json",
                is_mpim=list_name == "mpims.json",
            )
            channels[found["name"]] = found
    return channels


def unlisted_channel(folder: str) -> dict[str, Any]:
    """Return the channel of a folder that no list names; its name is all that is known, so it counts as private."""
    name = plain(folder)
    return {"id": name, "name": name, "is_private": True, "is_im": False, "is_mpim": False}


def messages_of(
    name: str, value: object, channel: dict[str, Any], users: Directory, names: Mapping[str, str]
) -> Iterator[Upsert | Failure]:
    """Yield the messages of a day file; `names` are those of channels by id. One without a usable `ts` is a failure."""
    if not isinstance(value, list):
        yield Failure("file", plain(name), "no list of messages", retryable=False)
        return
    for number, message in enumerate(value, start=1):
        key = plain(f"{name} message {number}")
        if not isinstance(message, dict):
            yield Failure("message", key, "no JSON object", retryable=False)
        elif not is_ts(message.get("ts")):
            yield Failure("message", key, "no ts, or one that is no time", retryable=False)
        else:
            yield message_upsert(message, channel, users, names, (plain(name), key))
