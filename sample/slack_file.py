"""Writes a company's chat as Slack's export writes it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import defaultdict
from typing import Any

from messages import Truth, Written, day_of, number_of, truth_of

from opsintel.sample import SAMPLE_DAYS

_TOKEN = re.compile(
    r"<(?P<link>https?://[^|>\s]+)(?:\|(?P<label>[^>]+))?>|(?P<bare>https?://[^\s<>]+)|@(?P<user>[a-z]+)\b"
)
_FILE_TIME = (1980, 1, 1, 0, 0, 0)
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def export(company: str, messages: list[Written], names: dict[str, str]) -> tuple[bytes, list[Truth]]:
    """Return the zip of a company's export and the truth of each message; `names` are people's names by handle."""
    handles = sorted({message.fields["user"] for message in messages} | names.keys())
    users = {handle: _identifier("U", company, handle) for handle in handles}
    channels = {name: _identifier("C", company, name) for name in sorted({m.fields["channel"] for m in messages})}
    stamps = {message.id: _stamp(message) for message in messages}
    days: dict[str, list[dict[str, Any]]] = defaultdict(list)
    truths = []
    for message in messages:
        channel = message.fields["channel"]
        days[f"{channel}/{day_of(message.day)}.json"].append(_entry(message, messages, stamps, users))
        truths.append(truth_of(message, f"{channels[channel]}/{stamps[message.id]}"))
    files: dict[str, Any] = {
        "channels.json": [_channel(name, identifier, users) for name, identifier in channels.items()],
        "users.json": [_user(company, handle, users[handle], names.get(handle, handle.title())) for handle in handles],
        **days,
    }
    first = min(days)
    files[first].append({"type": "message", "user": users[handles[0]], "text": "sent while the clock was gone"})
    quiet = next(
        name
        for channel in channels
        for day in range(SAMPLE_DAYS, 0, -1)
        if (name := f"{channel}/{day_of(day)}.json") not in days
    )
    truths.append(Truth("slack_export", f"{first} message {len(files[first])}", noise="broken:no_ts", lang="en"))
    truths.append(Truth("slack_export", quiet, noise="broken:not_json", lang=""))
    return packed(
        {name: dumped(value) for name, value in files.items()} | {quiet: b'[\n    {\n        "type": "mess'}
    ), truths


def dumped(value: Any) -> bytes:
    """Return JSON as the export formats it."""
    return json.dumps(value, indent=4).encode("ascii")


def packed(files: dict[str, bytes]) -> bytes:
    """Return a zip of files, not compressed: compression differs between builds of zlib."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for name in sorted(files):
            out.writestr(zipfile.ZipInfo(name, _FILE_TIME), files[name])
    return archive.getvalue()


def _stamp(message: Written) -> str:
    return f"{int(message.moment.timestamp())}.{number_of(message.id, 'ts') % 1_000_000:06d}"


def _identifier(letter: str, company: str, name: str) -> str:
    number = number_of(letter, company, name)
    return f"{letter}0" + "".join(_DIGITS[number >> 5 * place & 31] for place in range(9))


def _entry(message: Written, messages: list[Written], stamps: dict[str, str], users: dict[str, str]) -> dict[str, Any]:
    fields = message.fields
    stamp = stamps[message.id]
    entry: dict[str, Any] = {"type": "message", "user": users[fields["user"]], "ts": stamp}
    entry["text"] = _TOKEN.sub(lambda token: _marked(token, users), _escaped(message.body))
    if fields.get("bot"):
        entry |= {"subtype": "bot_message", "bot_id": "B" + entry["user"][1:], "username": fields["user"]}
    if fields.get("blocks"):
        elements = list(_elements(message.body, users))
        section = {"type": "rich_text_section", "elements": elements}
        entry["blocks"] = [{"type": "rich_text", "block_id": stamp[-5:], "elements": [section]}]
    if fields.get("edited"):
        entry["edited"] = {"user": entry["user"], "ts": f"{int(stamp[:10]) + 95}.000000"}
    replies = [other for other in messages if other.fields.get("thread") == message.id]
    if "thread" in fields:
        entry["thread_ts"] = stamps[fields["thread"]]
    elif replies:
        authors = list(dict.fromkeys(users[reply.fields["user"]] for reply in replies))
        entry |= {
            "thread_ts": stamp,
            "reply_count": len(replies),
            "reply_users_count": len(authors),
            "latest_reply": stamps[replies[-1].id],
            "reply_users": authors,
            "replies": [{"user": users[reply.fields["user"]], "ts": stamps[reply.id]} for reply in replies],
        }
    return entry


def _escaped(text: str) -> str:
    """Return text with Slack's three entities, links left as they were written."""
    text = text.replace("&", "&amp;")
    return re.sub(r"<(?!https?://)", "&lt;", text)


def _marked(token: re.Match[str], users: dict[str, str]) -> str:
    if token["user"]:
        return f"<@{users[token['user']]}>" if token["user"] in users else token[0]
    return f"<{token['bare']}>" if token["bare"] else token[0]


def _elements(text: str, users: dict[str, str]) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = []
    position = 0
    for token in _TOKEN.finditer(text):
        if token["user"] and token["user"] not in users:
            continue
        if token.start() > position:
            elements.append({"type": "text", "text": text[position : token.start()]})
        if token["user"]:
            elements.append({"type": "user", "user_id": users[token["user"]]})
        else:
            link = {"type": "link", "url": token["link"] or token["bare"]}
            elements.append(link | ({"text": token["label"]} if token["label"] else {}))
        position = token.end()
    return [*elements, {"type": "text", "text": text[position:]}] if position < len(text) else elements


def _channel(name: str, identifier: str, users: dict[str, str]) -> dict[str, Any]:
    members = list(users.values())
    return {
        "id": identifier,
        "name": name,
        "created": 1700000000,
        "creator": members[0],
        "is_archived": False,
        "is_general": False,
        "members": members,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def _user(company: str, handle: str, identifier: str, name: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "name": handle,
        "deleted": False,
        "real_name": name,
        "tz": "Europe/Berlin",
        "profile": {"real_name": name, "display_name": handle, "email": f"{handle}@{company}.example"},
        "is_bot": handle.endswith("bot"),
    }
