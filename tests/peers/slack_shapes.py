"""Shapes of Slack's answers, and how it cuts a history into pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

START = 1_767_600_000
"""2026-01-05 08:00 UTC, in seconds since 1970."""
Message = dict[str, Any]


@dataclass
class Channel:
    """A conversation, and its messages by `ts`."""

    id: str
    name: str = ""
    is_member: bool = True
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    refusal: str = ""
    """What its history is refused with."""
    messages: dict[str, Message] = field(default_factory=dict)


FORMS = {"string": r".+", "number": r"\d+(\.\d+)?", "integer": r"\d{1,3}", "boolean": r"true|false"}


def type_of(channel: Channel) -> str:
    return "im" if channel.is_im else "private_channel" if channel.is_private else "public_channel"


def channel_shape(channel: Channel) -> dict[str, Any]:
    common = {"id": channel.id, "created": START, "is_archived": channel.is_archived, "is_im": channel.is_im,
              "is_org_shared": False}  # fmt: skip
    if channel.is_im:
        return {**common, "user": "U0000ANN", "is_user_deleted": False, "priority": 0}
    return {**common, "name": channel.name, "name_normalized": channel.name, "is_channel": True, "is_group": False,
            "is_mpim": False, "is_private": channel.is_private, "is_general": False, "is_member": channel.is_member,
            "num_members": 2, "creator": "U0000ANN"}  # fmt: skip


def is_in_history(message: Message) -> bool:
    is_reply = message.get("thread_ts", message["ts"]) != message["ts"]
    return not is_reply or message.get("subtype") == "thread_broadcast"


def is_between(ts: str, given: dict[str, str]) -> bool:
    oldest, latest = float(given.get("oldest", 0)), float(given.get("latest", "inf"))
    is_inclusive = given.get("inclusive") == "true"
    return oldest <= float(ts) <= latest if is_inclusive else oldest < float(ts) < latest


def page_of(items: list[Any], given: dict[str, str], cap: int) -> tuple[list[Any], str]:
    start, limit = int(given.get("cursor") or 0), min(int(given.get("limit", 100)), cap)
    following = start + limit
    return items[start:following], str(following) if following < len(items) else ""
