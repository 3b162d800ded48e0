"""From a message of Slack to an item: one shape, whether it came by the Web API or in an export."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from opsintel.connectors.contract import PayloadFormat, Upsert
from opsintel.connectors.files.text import ID_LIMIT, bounded, plain, to_json
from opsintel.connectors.files.times import epoch_time

_WORD = re.compile(rb"\w+")
_CHANNEL_BY_ID = re.compile(rb'<#([CG][A-Z0-9]+)\|?>|"channel_id":"([CG][A-Z0-9]+)"')
_CONTENT = (
    ("subtype", "text", "blocks", "attachments", "edited")
    + ("user", "bot_id", "username")
    + ("topic", "purpose", "name")
)
"""What the normaliser reads of a message, and what notices of Slack say."""
_FILE_CONTENT = ("id", "name", "title", "mimetype", "size", "mode")

Directory = Mapping[str, dict[str, Any]]
"""What a message needs of each user, by id."""


def users_of(value: object) -> dict[str, dict[str, Any]]:
    """Return what a message needs of each user of a list, by id."""
    users = {}
    for user in value if isinstance(value, list) else ():
        if isinstance(user, dict) and isinstance(user.get("id"), str):
            given = user.get("profile")
            profile: dict[str, Any] = given if isinstance(given, dict) else {}
            users[user["id"]] = {
                "name": first_text(profile.get("display_name"), user.get("name")),
                "real_name": first_text(profile.get("real_name"), user.get("real_name")),
                "email": first_text(profile.get("email")),
                "is_bot": user.get("is_bot") is True or user["id"] == "USLACKBOT",
                "is_guest": user.get("is_restricted") is True or user.get("is_ultra_restricted") is True,
            }
    return users


def channel_of(channel: Mapping[str, Any], *, is_private: bool, is_im: bool, is_mpim: bool) -> dict[str, Any]:
    """Return what a message needs of its conversation; a direct one has no name but its id."""
    return {
        "id": plain(channel["id"]),
        "name": first_text(channel.get("name"), channel["id"]),
        "is_private": is_private,
        "is_im": is_im,
        "is_mpim": is_mpim,
    }


def native_id(channel_id: str, ts: str) -> str:
    """Return the id of a message."""
    return f"{bounded(channel_id)}/{ts}"


def channels_named(message: Mapping[str, Any]) -> set[str]:
    """Return the ids of channels that a message names without saying how they are called."""
    return {(plain_id or rich_id).decode() for plain_id, rich_id in _CHANNEL_BY_ID.findall(to_json(message))}


def message_upsert(
    message: dict[str, Any],
    channel: dict[str, Any],
    users: Directory,
    names: Mapping[str, str],
    places: tuple[str, ...] = (),
) -> Upsert:
    """Return the item of a message, with what it needs of its channel, and of the users and channels that it names.

    `names` are those of channels by id.
    """
    raw = to_json(message)
    words = {word.decode("utf-8") for word in _WORD.findall(raw)}
    named = {user_id: users[user_id] for user_id in sorted(words & users.keys())}
    called = {channel_id: names[channel_id] for channel_id in sorted(channels_named(message) & names.keys())}
    return Upsert(
        native_id=native_id(channel["id"], message["ts"]),
        version=version_of(message),
        payload=to_json(
            {"message": message, "channel": channel, "users": named} | ({"channels": called} if called else {})
        ),
        format=PayloadFormat.SLACK,
        occurred_at=epoch_time(message["ts"]),
        channel=channel["name"][:ID_LIMIT],
        places=places,
    )


def version_of(message: Mapping[str, Any]) -> str:
    """Return the version of a message: a hash of what its author wrote.

    What others do to it is none of it (replies that are counted, reactions, a user's new name), nor what one way of
    reading it adds and another does not: the Web API, an export, or the root that history shows with a broadcast reply.
    """
    content = {name: message[name] for name in _CONTENT if message.get(name)}
    files = message.get("files")
    if isinstance(files, list) and files:
        listed = [file for file in files if isinstance(file, dict)]
        content["files"] = [{name: file[name] for name in _FILE_CONTENT if name in file} for file in listed]
    if message.get("thread_ts") != message.get("ts") and message.get("thread_ts"):
        content["thread_ts"] = message["thread_ts"]
    return hashlib.sha256(to_json(content)).hexdigest()


def first_text(*values: object) -> str:
    """Return the first text that is not empty, as the database can hold it."""
    return next((plain(value) for value in values if isinstance(value, str) and value), "")
