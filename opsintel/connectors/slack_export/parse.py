"""From the files of a Slack export to items (slack.com/help/articles/220556107, "How to read Slack data exports")."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from opsintel.connectors.contract import Failure, PayloadFormat, Upsert
from opsintel.connectors.files.text import ID_LIMIT, bounded, plain, to_json
from opsintel.connectors.files.times import epoch_time

# Where an export lists its conversations, and whether only members see them.
CHANNEL_LISTS = {"channels.json": False, "groups.json": True, "mpims.json": True, "dms.json": True}
DAY_FILE = re.compile(r"([^/]+)/(\d{4}-\d{2}-\d{2})\.json\Z")
_TS = re.compile(r"\d{1,12}\.\d{1,9}\Z")
_WORD = re.compile(rb"\w+")

Directory = Mapping[str, dict[str, Any]]


def users_of(value: object) -> dict[str, dict[str, Any]]:
    """Return what a message needs of each user, by id."""
    users = {}
    for user in value if isinstance(value, list) else ():
        if isinstance(user, dict) and isinstance(user.get("id"), str):
            given = user.get("profile")
            profile: dict[str, Any] = given if isinstance(given, dict) else {}
            users[user["id"]] = {
                "name": _first_text(profile.get("display_name"), user.get("name")),
                "real_name": _first_text(profile.get("real_name"), user.get("real_name")),
                "email": _first_text(profile.get("email")),
                "is_bot": user.get("is_bot") is True or user["id"] == "USLACKBOT",
                "is_guest": user.get("is_restricted") is True or user.get("is_ultra_restricted") is True,
            }
    return users


def channels_of(list_name: str, value: object) -> dict[str, dict[str, Any]]:
    """Return the conversations of a list by the name of their folder: the channel's, or the id of a direct one."""
    channels = {}
    for channel in value if isinstance(value, list) else ():
        if isinstance(channel, dict) and isinstance(channel.get("id"), str):
            name = _first_text(channel.get("name"), channel["id"])
            channels[name] = {
                "id": plain(channel["id"]),
                "name": name,
                "is_private": CHANNEL_LISTS[list_name],
                "is_im": list_name == "dms.json",
                "is_mpim": list_name == "mpims.json",
            }
    return channels


def unlisted_channel(folder: str) -> dict[str, Any]:
    """Return the channel of a folder that no list names; its name is all that is known, so it counts as private."""
    name = plain(folder)
    return {"id": name, "name": name, "is_private": True, "is_im": False, "is_mpim": False}


def messages_of(name: str, value: object, channel: dict[str, Any], users: Directory) -> Iterator[Upsert | Failure]:
    """Yield the messages of a day file. One without a usable `ts` is a failure."""
    if not isinstance(value, list):
        yield Failure("file", plain(name), "no list of messages", retryable=False)
        return
    for number, message in enumerate(value, start=1):
        key = plain(f"{name} message {number}")
        if not isinstance(message, dict):
            yield Failure("message", key, "no JSON object", retryable=False)
        elif not isinstance(message.get("ts"), str) or not _TS.match(message["ts"]):
            yield Failure("message", key, "no ts, or one that is no time", retryable=False)
        else:
            yield _upsert(message, channel, users, (plain(name), key))


def _upsert(message: dict[str, Any], channel: dict[str, Any], users: Directory, places: tuple[str, ...]) -> Upsert:
    raw = to_json(message)
    words = {word.decode("utf-8") for word in _WORD.findall(raw)}
    named = {user_id: users[user_id] for user_id in sorted(words & users.keys())}
    return Upsert(
        native_id=f"{bounded(channel['id'])}/{message['ts']}",
        # A user who is renamed changes the payload, and no message.
        version=hashlib.sha256(raw).hexdigest(),
        payload=to_json({"message": message, "channel": channel, "users": named}),
        format=PayloadFormat.SLACK,
        occurred_at=epoch_time(message["ts"]),
        channel=channel["name"][:ID_LIMIT],
        places=places,
    )


def _first_text(*values: object) -> str:
    return next((plain(value) for value in values if isinstance(value, str) and value), "")
