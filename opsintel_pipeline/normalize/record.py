"""Records: rows of CSV and JSON Lines files and items of help desks, one JSON object each, as connectors pass them on.

A help desk says more than a table can: who wrote it by the provider's own id (`author_identity`, and objects among
`recipients`), files (`attachments`), `links`, and whether a program wrote it (`is_bot`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
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
    Link,
    Visibility,
    is_link,
)
from opsintel_pipeline import language
from opsintel_pipeline.normalize import dates
from opsintel_pipeline.normalize.context import NormalizeContext
from opsintel_pipeline.normalize.html import LINKS_LIMIT, html_to_text
from opsintel_pipeline.normalize.identities import ADDRESSES_LIMIT, direction_of, email_address, parse_addresses
from opsintel_pipeline.normalize.quotes import split_body
from opsintel_pipeline.normalize.text import clean, clean_line

RECORD_LIMIT = 10 * 1024 * 1024
"""Bytes of one record."""
_KNOWN = frozenset(
    [
        "id",
        "text",
        "subject",
        "occurred_at",
        "author_name",
        "author_email",
        "recipients",
        "channel",
        "thread",
        "parent",
        "labels",
        "kind",
        "direction",
        "visibility",
        "html",
        "edited_at",
        "deleted",
        "author_identity",
        "attachments",
        "links",
        "is_bot",
        "extra",
    ]  # fmt: skip
)
_EXTRA_LIMIT = 100
_VALUE_LIMIT = 2_000
_FILES_LIMIT = 100


def parse_record(payload: bytes, native_id: str, context: NormalizeContext) -> CanonicalMessage:
    """Return the canonical message of a row. Raises `ItemError` for what is no JSON object or has no text at all."""
    fields = read_object(payload)
    subject = clean_line(_text(fields, "subject"))
    marked = _text(fields, "text")
    links = _links(fields.get("links"))
    if not marked.strip() and _text(fields, "html"):
        page = html_to_text(_text(fields, "html"))
        marked, links = page.marked, [*links, *page.links][:LINKS_LIMIT]
    else:
        marked = clean(marked)
    if not marked.strip() and not subject:
        raise ItemError("the row has neither text nor subject")
    kind = _kind(fields)
    author = _author(fields)
    recipients = _recipients(fields.get("recipients"))
    body = split_body(marked, subject=subject, author=author)
    occurred_at, flag = dates.from_value(fields.get("occurred_at"))
    edited_at, _ = dates.from_value(fields.get("edited_at"))
    parent = clean_line(_text(fields, "parent"), 500)
    return CanonicalMessage(
        native_id=native_id,
        kind=kind,
        thread_key=clean_line(_text(fields, "thread"), 500) or parent or native_id,
        parent_key=parent,
        channel=clean_line(_text(fields, "channel"), 500) or context.channel,
        author=author,
        recipients=recipients,
        direction=_direction(fields, author, recipients, context),
        visibility=_visibility(fields, context),
        occurred_at=occurred_at,
        occurred_at_flag=flag,
        edited_at=edited_at,
        deleted=fields.get("deleted") is True,
        automatic=AutomaticClass.BOT if fields.get("is_bot") is True else None,
        automatic_reason="a program wrote it" if fields.get("is_bot") is True else "",
        is_bot=fields.get("is_bot") is True,
        subject=subject,
        text=body.text,
        quoted_text=body.quoted,
        signature_text=body.signature,
        language=language.detect(body.text or subject),
        attachments=_attachments(fields.get("attachments")),
        links=tuple(links),
        labels=_labels(fields.get("labels")),
        extra=_extra(fields),
    )


def _short(value: object) -> str:
    return clean_line(str(value), _VALUE_LIMIT)


def read_object(payload: bytes) -> dict[str, Any]:
    """Return a JSON object from bytes. Raises `ItemError` for anything else, with the reason."""
    if len(payload) > RECORD_LIMIT:
        raise ItemError(f"the record has {len(payload)} bytes, more than the {RECORD_LIMIT} that are read")
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ItemError(f"not valid JSON: {clean_line(str(error), 200)}") from error
    if not isinstance(value, dict):
        raise ItemError("the record is no JSON object")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _kind(fields: Mapping[str, Any]) -> Kind:
    try:
        return Kind(_text(fields, "kind").strip().lower())
    except ValueError:
        return Kind.TICKET


def _author(fields: Mapping[str, Any]) -> Address | None:
    """Return who wrote it: by address where there is one, which all channels share, else by the provider's own id."""
    if not _text(fields, "author_email"):
        identity = _identity(fields.get("author_identity"))
        if identity is not None:
            return identity
    return email_address(_text(fields, "author_email"), _text(fields, "author_name"))


def _identity(value: object) -> Address | None:
    """Return who {kind, value, name} names; None for anything else."""
    if not isinstance(value, dict):
        return None
    key = clean_line(_text(value, "value"), 200)
    if not key or value.get("kind") not in list(IdentityKind):
        return None
    return Address(kind=IdentityKind(value["kind"]), value=key, name=clean_line(_text(value, "name"), 200))


def _recipients(value: object) -> tuple[Address, ...]:
    if isinstance(value, str):
        return parse_addresses(value.replace(";", ",").split("\n"))
    if not isinstance(value, list):
        return ()
    texts = [item if isinstance(item, str) else _text(item, "email") for item in value if isinstance(item, str | dict)]
    mailboxes = [
        address for address in parse_addresses(texts) if address.kind in (IdentityKind.EMAIL, IdentityKind.NAME)
    ]
    others = [identity for item in value if (identity := _identity(item)) is not None]
    return tuple(dict.fromkeys([*mailboxes, *others]))[:ADDRESSES_LIMIT]


def _attachments(value: object) -> tuple[Attachment, ...]:
    files = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return tuple(
        Attachment(
            filename=clean_line(_text(file, "filename"), 500),
            content_type=clean_line(_text(file, "content_type"), 200),
            size=size if isinstance(size := file.get("size"), int) and size >= 0 else 0,
            inline=file.get("inline") is True,
        )
        for file in files[:_FILES_LIMIT]
    )


def _links(value: object) -> list[Link]:
    links = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    found = [Link(url=_text(link, "url"), text=clean_line(_text(link, "text"), 500)) for link in links[:LINKS_LIMIT]]
    return [link for link in found if is_link(link.url)]


def _direction(
    fields: Mapping[str, Any], author: Address | None, recipients: tuple[Address, ...], context: NormalizeContext
) -> Direction:
    """Return the direction that the row names, else the one its addresses tell."""
    try:
        return Direction(_text(fields, "direction").strip().lower())
    except ValueError:
        return direction_of(author, recipients, context)


def _visibility(fields: Mapping[str, Any], context: NormalizeContext) -> Visibility:
    internal = context.visibility_internal or _text(fields, "visibility").strip().lower() == "internal"
    return Visibility.INTERNAL if internal or fields.get("public") is False else Visibility.PUBLIC


def _labels(value: object) -> tuple[str, ...]:
    items = value.replace(";", ",").split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(dict.fromkeys(text for item in items if (text := clean_line(str(item), 200))))[:50]


def _extra(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the row holds besides (status, priority, own columns), as short clean values."""
    nested = fields.get("extra")
    others = {name: value for name, value in fields.items() if name not in _KNOWN}
    merged = others | (nested if isinstance(nested, dict) else {})
    return {
        clean_line(str(name), 100): value if _is_number(value) else _short(value)
        for name, value in list(merged.items())[:_EXTRA_LIMIT]
        if value not in (None, "")
    }


def _is_number(value: object) -> bool:
    """Tell whether JSON has a way to write a value as a number (or a truth value); it has none for infinity."""
    return isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
