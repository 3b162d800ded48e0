"""Payloads that are marked as erased leave the object store; their neighbours in the same page stay.

A page of payloads is one object. It is written anew without what goes, then the rows refer to the new one, then the old
one is removed: killed anywhere, the next try finds what is left by the marks on the rows.
"""

from __future__ import annotations

import binascii
import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from opsintel.context import Context

REWRITES = "rewrites"
"""Kind of the objects that say where what is left of a page went: for a database that is restored to a time before."""

_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{40,}={0,2}\s+)*[A-Za-z0-9+/]{20,}={0,2}")
_MARKED = bytes(0x2A if byte in b"+/" or chr(byte).isalnum() and byte < 128 else 0x20 for byte in range(256))
_RUN = b"*" * 20
"""What of base64 is looked for first, in bytes that are marked where they may be a part of it."""
_ENCODED_WORD = re.compile(rb"=\?([\w*-]{1,75})\?([bBqQ])\?([^?\s]*)\?=")
_BETWEEN_WORDS = re.compile(rb"\?=\s+=\?")
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[a-zA-Z]+);")
_JSON_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_ESCAPED = re.compile(rb"=(?:[0-9A-F]{2}|\r?\n)")


def remove_marked(context: Context, tenant_id: UUID) -> int:
    """Write each page anew without its marked payloads, and return how many pages there were."""
    with context.database.tenant_tx(tenant_id) as connection:
        keys = connection.execute(
            "SELECT DISTINCT object_key FROM raw_payload WHERE erased_at IS NOT NULL AND object_key IS NOT NULL"
        ).fetchall()
    for (key,) in keys:
        _rewrite(context, tenant_id, key)
    return len(keys)


def _rewrite(context: Context, tenant_id: UUID, key: str) -> None:
    with context.database.tenant_tx(tenant_id) as connection:
        kept = connection.execute(
            "SELECT id, object_offset, size FROM raw_payload WHERE object_key = %s AND erased_at IS NULL"
            " ORDER BY object_offset, id",
            (key,),
        ).fetchall()
    contents = context.objects.get_ranges(key, [(offset, size) for _, offset, size in kept])
    new_key = context.objects.put(tenant_id, "raw", b"".join(contents)) if kept else None
    places, offset = [], 0
    for (payload_id, _, size), _content in zip(kept, contents, strict=True):
        places.append((payload_id, offset))
        offset += size
    with context.database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "UPDATE raw_payload SET object_key = %s, object_offset = place.first FROM unnest(%s::uuid[], %s::bigint[])"
            " AS place (id, first) WHERE raw_payload.id = place.id AND object_key = %s",
            (new_key, [place[0] for place in places], [place[1] for place in places], key),
        )
        connection.execute(
            "UPDATE raw_payload SET object_key = NULL, object_offset = 0, sha256 = NULL, size = 0"
            " WHERE object_key = %s AND erased_at IS NOT NULL",
            (key,),
        )
        left = connection.execute("SELECT 1 FROM raw_payload WHERE object_key = %s LIMIT 1", (key,)).fetchone()
    if left is None and new_key != key:
        moved = [[old, size, new] for (_, old, size), (_, new) in zip(kept, places, strict=True)]
        note = {"format": 1, "old": key, "new": new_key, "moved": sorted(moved)}
        context.objects.put(tenant_id, REWRITES, json.dumps(note, sort_keys=True).encode())
        context.objects.delete([key])


def follow_rewrites(context: Context, tenant_id: UUID) -> int:
    """Let a restored database refer to what is left of pages that were written anew since; return how many pages.

    What is on none of the new pages was erased, and is marked so.
    """
    present = {one.key for page in context.objects.pages(tenant_id, "raw") for one in page}
    waiting = [note for note in _notes(context, tenant_id) if note["old"] not in present]
    followed = 0
    while waiting:  # a page may have been written anew more than once
        with context.database.tenant_tx(tenant_id) as connection:
            referred = connection.execute(
                "SELECT DISTINCT object_key FROM raw_payload WHERE object_key = ANY(%s)",
                ([note["old"] for note in waiting],),
            ).fetchall()
        known = {row[0] for row in referred}
        now = [note for note in waiting if note["old"] in known]
        if not now:
            break
        for note in now:
            _follow(context, tenant_id, note)
        waiting = [note for note in waiting if note["old"] not in known]
        followed += len(now)
    return followed


def _notes(context: Context, tenant_id: UUID) -> list[dict[str, Any]]:
    stored = [one for page in context.objects.pages(tenant_id, REWRITES) for one in page]
    return [json.loads(context.objects.get_range(one.key, 0, one.size)) for one in stored]


def _follow(context: Context, tenant_id: UUID, note: dict[str, Any]) -> None:
    moved: Sequence[tuple[int, int, int]] = note["moved"]
    with context.database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "UPDATE raw_payload SET object_key = %s, object_offset = place.next"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS place (first, size, next)"
            " WHERE object_key = %s AND object_offset = place.first AND raw_payload.size = place.size",
            (note["new"], *([one[n] for one in moved] for n in range(3)), note["old"]),
        )
        connection.execute(
            "UPDATE raw_payload SET object_key = NULL, object_offset = 0, sha256 = NULL, size = 0,"
            " erased_at = coalesce(erased_at, now()), normalized_at = coalesce(normalized_at, now())"
            " WHERE object_key = %s",
            (note["old"],),
        )


def readings(content: bytes) -> Iterator[str]:
    """Yield the ways in which a payload can be read.

    As it is, as quoted-printable, with its encoded words (RFC 2047), what base64 in it says; each of them also with the
    entities of HTML and the escapes of JSON undone.
    """
    for text in _decoded(content):
        yield text
        if _ENTITY.search(text):
            yield html.unescape(text)
        if "\\u" in text:
            yield _JSON_ESCAPES.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("\\u", "")).decode("utf-16-be", "replace")


def _decoded(content: bytes) -> Iterator[str]:
    yield content.decode("utf-8", "replace")
    if b"=?" in content:
        yield _ENCODED_WORD.sub(_decoded_word, _BETWEEN_WORDS.sub(b"?==?", content)).decode("utf-8", "replace")
    if _ESCAPED.search(content):
        yield binascii.a2b_qp(content).decode("utf-8", "replace")
    if _RUN not in content.translate(_MARKED):
        return
    for block in _BASE64.finditer(content):
        compact = b"".join(block[0].split()).rstrip(b"=")
        try:
            yield binascii.a2b_base64(compact[: len(compact) // 4 * 4]).decode("utf-8", "replace")
        except binascii.Error:
            continue


def _decoded_word(match: re.Match[bytes]) -> bytes:
    charset, form, encoded = match.groups()
    try:
        if form in b"qQ":
            raw = binascii.a2b_qp(encoded, header=True)
        else:
            raw = binascii.a2b_base64(encoded + b"=" * (-len(encoded) % 4))
        return raw.decode(charset.partition(b"*")[0].decode(), "replace").encode()
    except (binascii.Error, LookupError, ValueError):  # a charset that nobody knows, or that is none of texts
        return match[0]
