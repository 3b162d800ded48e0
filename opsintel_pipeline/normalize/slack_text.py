"""The text of a Slack message as people saw it: blocks, rich text, attachments, mrkdwn, mentions and emoji."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from opsintel.events.message import Link, is_link
from opsintel_pipeline.normalize.context import SlackUser
from opsintel_pipeline.normalize.emoji import emoji
from opsintel_pipeline.normalize.text import clean, clean_line

DEPTH_LIMIT = 20
ELEMENTS_LIMIT = 5_000
TEXT_LIMIT = 1_000_000
_LINKS_LIMIT = 200
_CONTROL = re.compile(r"<([^<>\n]{1,3000})>")
_EMOJI = re.compile(r":([a-z0-9_+'-]{1,60}):")
_SKIN_TONE = re.compile(r"::skin-tone-[2-6]|:skin-tone-[2-6]:")
_TEXT_BLOCKS = frozenset({"section", "header", "context", "markdown", "image", "video"})


class SlackText:
    """Writes messages as text; gathers links and mentions on the way."""

    def __init__(self, users: Mapping[str, SlackUser], channels: Mapping[str, str]) -> None:
        self._users = users
        self._channels = channels
        self._elements = 0
        self._length = 0
        self.links: list[Link] = []
        self.mentions: list[str] = []

    def message(self, message: Mapping[str, Any]) -> str:
        """Return the text of a message: from its blocks when they hold text, else its own, and its attachments."""
        blocks = self.blocks(message.get("blocks"))
        own = "" if blocks.strip() else self.mrkdwn(_text_of(message.get("text")))
        parts = [blocks or own, *self._attachments(message.get("attachments"))]
        return clean("\n\n".join(part for part in parts if part.strip()))

    def blocks(self, blocks: object) -> str:
        """Return the text of a list of blocks (Block Kit)."""
        lines = [self._block(block, 0) for block in _mappings(blocks)]
        return "\n".join(line for line in lines if line.strip())

    def mrkdwn(self, text: str) -> str:
        """Return Slack's markup with mentions, channels, links and entities resolved."""
        text = _CONTROL.sub(lambda found: self._control(found.group(1)), text[:TEXT_LIMIT])
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        return _emojis(text)

    def _attachments(self, attachments: object) -> Iterable[str]:
        """Yield the text of old-style attachments and of unfurled links and shared messages."""
        for attachment in list(_mappings(attachments))[:50]:
            blocks = self.blocks(attachment.get("blocks") or attachment.get("message_blocks"))
            names = ("pretext", "author_name", "title", "text")
            texts = [self.mrkdwn(_text_of(attachment.get(name))) for name in names]
            fields = [
                f"{self.mrkdwn(_text_of(field.get('title')))}: {self.mrkdwn(_text_of(field.get('value')))}"
                for field in list(_mappings(attachment.get("fields")))[:50]
            ]
            link = _text_of(attachment.get("title_link"))
            if link:
                self._link(link, _text_of(attachment.get("title")))
            parts = [blocks] if blocks.strip() else [*(text for text in texts if text.strip()), *fields]
            yield "\n".join(parts) or self.mrkdwn(_text_of(attachment.get("fallback")))

    def _block(self, block: Mapping[str, Any], depth: int) -> str:
        kind = _text_of(block.get("type"))
        if depth > DEPTH_LIMIT or self._is_full():
            return ""
        if kind in ("rich_text", "rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list"):
            return self._rich(block, depth)
        if kind not in _TEXT_BLOCKS:
            return self._table(block) if kind == "table" else ""
        texts = [self._object(block.get("text")), self._object(block.get("title"))]
        texts += [self._object(field) for field in _mappings(block.get("fields"))]
        texts += [self._object(element) for element in _mappings(block.get("elements"))]
        texts.append(_text_of(block.get("alt_text")) if kind == "image" and not any(texts) else "")
        return "\n".join(text for text in texts if text.strip())

    def _table(self, block: Mapping[str, Any]) -> str:
        rows = block.get("rows")
        lines = []
        for row in rows if isinstance(rows, list) else []:
            cells = [self._block(cell, 1) or self._object(cell) for cell in _mappings(row)]
            lines.append(" | ".join(cells))
        return "\n".join(lines)

    def _object(self, value: object) -> str:
        """Return the text of a text object (plain_text or mrkdwn), or of an element that is one."""
        if isinstance(value, str):
            return self.mrkdwn(value)
        if not isinstance(value, Mapping) or self._is_full():
            return ""
        text = _text_of(value.get("text"))
        return _emojis(text) if value.get("type") == "plain_text" else self.mrkdwn(text)

    def _rich(self, block: Mapping[str, Any], depth: int) -> str:
        kind = block.get("type")
        parts = [self._element(element, depth + 1) for element in _mappings(block.get("elements"))]
        if kind == "rich_text_list":
            ordered = block.get("style") == "ordered"
            indent = "  " * min(int(block.get("indent") or 0) if isinstance(block.get("indent"), int) else 0, 8)
            return "\n".join(f"{indent}{f'{n}.' if ordered else '-'} {part}" for n, part in enumerate(parts, 1))
        if kind == "rich_text_quote":
            return "\n".join(f"> {line}" for line in "".join(parts).split("\n"))
        if kind == "rich_text":
            return "\n".join(part.strip("\n") for part in parts if part.strip())
        return "".join(parts)

    def _element(self, element: Mapping[str, Any], depth: int) -> str:
        """Return the text of one element of rich text."""
        kind = element.get("type")
        if depth > DEPTH_LIMIT or self._is_full():
            return ""
        match kind:
            case "text":
                return _text_of(element.get("text"))[:TEXT_LIMIT]
            case "link":
                url, text = _text_of(element.get("url")), _text_of(element.get("text"))
                self._link(url, text)
                return text or url
            case "user":
                return self._user(_text_of(element.get("user_id")))
            case "channel":
                return self._channel(_text_of(element.get("channel_id")), "")
            case "usergroup":
                return f"@{_text_of(element.get('usergroup_id'))}"
            case "broadcast":
                return f"@{_text_of(element.get('range'))}"
            case "emoji":
                return emoji(_text_of(element.get("name")))
            case "date":
                return _text_of(element.get("fallback"))
            case "color":
                return _text_of(element.get("value"))
        return self._block(element, depth)

    def _control(self, content: str) -> str:
        """Resolve one control sequence of mrkdwn: a mention, a channel, a special command or a link."""
        target, _, label = content.partition("|")
        if target.startswith("@"):
            return self._user(target[1:], label)
        if target.startswith("#"):
            return self._channel(target[1:], label)
        if target.startswith("!"):
            return label or f"@{target[1:].split('^')[0]}"
        self._link(target, label)
        return label or target.removeprefix("mailto:").removeprefix("tel:")

    def _user(self, identifier: str, label: str = "") -> str:
        self.mentions.append(clean_line(identifier, 100))
        known = self._users.get(identifier)
        return f"@{known.name if known and known.name else label.lstrip('@') or identifier}"

    def _channel(self, identifier: str, label: str) -> str:
        return f"#{label or self._channels.get(identifier, identifier)}"

    def _link(self, url: str, text: str) -> None:
        url = clean_line(url.replace("&amp;", "&")).replace(" ", "")
        if is_link(url) and len(self.links) < _LINKS_LIMIT:
            self.links.append(Link(url=url, text=clean_line(text, 200)))

    def _is_full(self) -> bool:
        self._elements += 1
        return self._elements > ELEMENTS_LIMIT


def _emojis(text: str) -> str:
    return _EMOJI.sub(lambda found: emoji(found.group(1)), _SKIN_TONE.sub("", text)) if ":" in text else text


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def _text_of(value: object) -> str:
    if isinstance(value, Mapping):
        value = value.get("text")
    return value if isinstance(value, str) else ""
