"""Payloads that are marked as erased leave the object store; their neighbours in the same page stay.

A page of payloads is one object. It is written anew without what goes, then the rows refer to the new one, then the old
one is removed: killed anywhere, the next try finds what is left by the marks on the rows.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from uuid import UUID

from opsintel.context import Context

_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{40,}={0,2}\s+)*[A-Za-z0-9+/]{20,}={0,2}")
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
        context.objects.delete([key])


def readings(content: bytes) -> Iterator[str]:
    """Yield the ways in which a payload can be read: as it is, quoted-printable, and what base64 in it says."""
    yield content.decode("utf-8", "replace")
    if _ESCAPED.search(content):
        yield binascii.a2b_qp(content).decode("utf-8", "replace")
    for block in _BASE64.finditer(content):
        compact = b"".join(block[0].split()).rstrip(b"=")
        try:
            yield binascii.a2b_base64(compact[: len(compact) // 4 * 4]).decode("utf-8", "replace")
        except binascii.Error:
            continue
