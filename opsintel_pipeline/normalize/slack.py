"""Slack messages: text from blocks, people and channels by name, threads by their root, edits and system notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opsintel.errors import ItemError
from opsintel.events.message import (
    Address,
    Attachment,
    AutomaticClass,
    CanonicalMessage,
    Direction,
    IdentityKind,
    Kind,
    Visibility,
)
from opsintel_pipeline import language
from opsintel_pipeline.normalize import dates
from opsintel_pipeline.normalize.context import NormalizeContext, SlackUser
from opsintel_pipeline.normalize.identities import is_own
from opsintel_pipeline.normalize.record import read_object
from opsintel_pipeline.normalize.slack_text import SlackText
from opsintel_pipeline.normalize.text import clean_line, tidy

# Notices that Slack itself writes into a channel; the other subtypes are messages of people and bots.
_NOTICES = frozenset(
    [
        "channel_join",
        "channel_leave",
        "channel_topic",
        "channel_purpose",
        "channel_name",
        "channel_archive",
        "channel_unarchive",
        "channel_convert_to_private",
        "channel_posting_permissions",
        "group_join",
        "group_leave",
        "group_topic",
        "group_purpose",
        "group_name",
        "group_archive",
        "group_unarchive",
        "pinned_item",
        "unpinned_item",
        "reminder_add",
        "reminder_delete",
        "bot_add",
        "bot_remove",
        "bot_enable",
        "bot_disable",
        "sh_room_created",
        "huddle_thread",
        "tombstone_notice",
        "ekm_access_denied",
        "joiner_notification",
        "joiner_notification_for_inviter",
        "channel_canvas_updated",
        "document_comment_root",
        "file_comment",
        "app_conversation_join",
    ]  # fmt: skip
)
_FILES_LIMIT = 100
_KEY_LIMIT = 500


def parse_slack(payload: bytes, native_id: str, context: NormalizeContext) -> CanonicalMessage:
    """Return the canonical message of one Slack message, or of an event that wraps, edits or deletes one.

    Raises `ItemError` for what is no JSON object or no message.
    """
    outer, context = _opened(read_object(payload), context)
    deleted = outer.get("subtype") == "message_deleted" or outer.get("subtype") == "tombstone"
    message = _inner(outer)
    ts = _string(message, "ts")
    if not ts and not _string(message, "text") and not message.get("blocks"):
        raise ItemError("this is no Slack message: it has neither ts nor text")
    subtype = _string(message, "subtype")
    writer = SlackText(context.slack_users, context.slack_channels)
    author, is_bot = _author(message, context)
    occurred_at, flag = dates.from_value(ts)
    edited = message.get("edited")
    edited_at, _ = dates.from_value(_string(edited, "ts")) if isinstance(edited, dict) else (None, "")
    text = "" if deleted else tidy(writer.message(message))
    automatic, reason = _automatic(subtype, is_bot)
    channel_id = _string(outer, "channel") or _string(message, "channel")
    channel = context.slack_channels.get(channel_id, channel_id) or context.channel
    root = _string(message, "thread_ts") or ts
    return CanonicalMessage(
        native_id=native_id,
        kind=Kind.CHAT,
        thread_key=clean_line(f"{channel_id or channel}:{root}", _KEY_LIMIT) if root else native_id,
        parent_key=clean_line(root, _KEY_LIMIT) if root != ts else "",
        channel=clean_line(channel, 200),
        author=author,
        direction=_direction(message, author, context),
        visibility=Visibility.INTERNAL if context.visibility_internal else Visibility.PUBLIC,
        occurred_at=occurred_at,
        occurred_at_flag=flag,
        edited_at=edited_at,
        deleted=deleted,
        text=text,
        language=language.detect(text),
        automatic=automatic,
        automatic_reason=reason,
        is_bot=is_bot,
        attachments=() if deleted else _files(message),
        links=() if deleted else tuple(writer.links),
        extra=_extra(message, subtype, writer),
    )


def _opened(value: dict[str, Any], context: NormalizeContext) -> tuple[dict[str, Any], NormalizeContext]:
    """Return the message within an envelope (of a connector, or of the Events API) and what that tells besides.

    A connector's envelope is `{"message", "channel": {"id", "name"}, "users": {id: {"name", "email", ...}}}`, perhaps
    with `"channels": {id: name}` of those that the message names.
    """
    event, message, channel = value.get("event"), value.get("message"), value.get("channel")
    if isinstance(event, dict) and "ts" not in value:
        return event, context
    if not isinstance(message, dict) or not isinstance(channel, dict):
        return value, context
    identifier, name = _string(channel, "id"), _string(channel, "name")
    users = value.get("users")
    known = {
        user_id: SlackUser(
            name=clean_line(_string(user, "real_name") or _string(user, "name"), 200),
            email=_string(user, "email"),
            is_bot=user.get("is_bot") is True,
            is_guest=user.get("is_guest") is True,
        )
        for user_id, user in (users.items() if isinstance(users, dict) else ())
        if isinstance(user, dict)
    }
    named = value.get("channels")
    names = {found: _string(named, found) for found in named} if isinstance(named, dict) else {}
    names |= {identifier: name}
    return {"channel": identifier, **message}, replace(
        context,
        slack_users={**context.slack_users, **known},
        slack_channels={**context.slack_channels, **{found: called for found, called in names.items() if called}},
    )


def _inner(outer: dict[str, Any]) -> dict[str, Any]:
    """Return the message that an edit carries, or the earlier one that a deletion names."""
    subtype = outer.get("subtype")
    name = {"message_changed": "message", "message_replied": "message", "message_deleted": "previous_message"}.get(
        str(subtype), ""
    )
    inner = outer.get(name)
    if isinstance(inner, dict):
        return {"channel": outer.get("channel", ""), **inner}
    if subtype == "message_deleted":
        return {**outer, "ts": outer.get("deleted_ts") or outer.get("ts")}
    return outer


def _string(value: object, name: str) -> str:
    found = value.get(name) if isinstance(value, Mapping) else None
    return str(found) if isinstance(found, str | int | float) and not isinstance(found, bool) else ""


def _author(message: dict[str, Any], context: NormalizeContext) -> tuple[Address | None, bool]:
    """Return who wrote it, and whether a bot did."""
    user = _string(message, "user")
    known = context.slack_users.get(user)
    profile = message.get("user_profile") or message.get("bot_profile") or {}
    bot = _string(message, "bot_id")
    is_bot = bool(bot) or message.get("subtype") == "bot_message" or bool(known and known.is_bot) or user == "USLACKBOT"
    name = known.name if known else ""
    name = name or _string(profile, "real_name") or _string(profile, "name") or _string(message, "username")
    name = clean_line(name, 200)
    if known and known.email and not is_bot:
        # The same person writes mail: one identity over all channels.
        return Address(kind=IdentityKind.EMAIL, value=known.email.strip().lower(), name=name), False
    identifier = user or bot
    if identifier:
        return Address(kind=IdentityKind.SLACK, value=clean_line(identifier, 100), name=name), is_bot
    return (Address(kind=IdentityKind.NAME, value=name.casefold(), name=name) if name else None), is_bot


def _automatic(subtype: str, is_bot: bool) -> tuple[AutomaticClass | None, str]:
    if subtype in _NOTICES:
        return AutomaticClass.NOTIFICATION, f"notice of Slack: {subtype}"
    return (AutomaticClass.BOT, "written by a bot") if is_bot else (None, "")


def _direction(message: dict[str, Any], author: Address | None, context: NormalizeContext) -> Direction:
    """Return inbound for guests and for people of another workspace, internal for the tenant's own people.

    Without any of these signs it stays unknown: many teams answer customers in shared channels.
    """
    known = context.slack_users.get(_string(message, "user"))
    home, team = _string(message, "team"), _string(message, "user_team") or _string(message, "source_team")
    if (known and known.is_guest) or (home and team and home != team):
        return Direction.INBOUND
    if is_own(author, context):
        return Direction.INTERNAL
    if known and known.email and (context.own_domains or context.own_addresses):
        return Direction.INBOUND
    return Direction.UNKNOWN


def _files(message: dict[str, Any]) -> tuple[Attachment, ...]:
    files = message.get("files")
    if not isinstance(files, list):
        files = [message["file"]] if isinstance(message.get("file"), dict) else []
    return tuple(
        Attachment(
            filename=clean_line(_string(file, "name") or _string(file, "title"), 255),
            content_type=_string(file, "mimetype")[:127] or "application/octet-stream",
            size=int(size) if (size := _string(file, "size")).isdigit() else 0,
            content_id=_string(file, "id")[:255],
        )
        for file in files[:_FILES_LIMIT]
        if isinstance(file, dict) and file.get("mode") not in ("tombstone", "hidden_by_limit")
    )


def _extra(message: dict[str, Any], subtype: str, writer: SlackText) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if subtype:
        extra["subtype"] = clean_line(subtype, 60)
    if writer.mentions:
        extra["mentions"] = writer.mentions[:100]
    reactions = message.get("reactions")
    if isinstance(reactions, list):
        extra["reactions"] = {
            clean_line(_string(reaction, "name"), 60): int(_string(reaction, "count") or 0)
            for reaction in reactions[:50]
            if _string(reaction, "count").isdigit()
        }
    if message.get("subtype") == "thread_broadcast":
        extra["thread_broadcast"] = True
    return extra
