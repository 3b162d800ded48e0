"""Parts of a token in compact form (RFC 7515 section 3.1), read as strictly as RFC 8725 asks."""

from __future__ import annotations

import base64
import json
from typing import Any


def part_bytes(part: str) -> bytes:
    """Return the bytes of a part; `ValueError` for what is not base64url in its one spelling (RFC 4648 section 3.5)."""
    content = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(content).rstrip(b"=") != part.encode():
        raise ValueError("not written in the one way")
    return content


def json_object(content: bytes) -> dict[str, Any]:
    """Return a JSON object in UTF-8 that has each name once (RFC 8725 sections 2.4 and 3.7); `ValueError` otherwise."""
    try:
        value = json.loads(content.decode(), object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found
