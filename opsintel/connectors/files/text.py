"""Text that the database can hold."""

from __future__ import annotations

import hashlib
import json
from typing import Any

ID_LIMIT = 500
"""Characters of a native id, of the key of a failure, or of a channel."""


def plain(text: str) -> str:
    """Return the text without NUL and with `?` for lone surrogates, which neither UTF-8 nor PostgreSQL can hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def bounded(text: str) -> str:
    """Return an id or key that an index can hold: a longer one keeps its beginning and gets its hash as its end."""
    if len(text) <= ID_LIMIT:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{text[: ID_LIMIT - len(digest) - 1]}…{digest}"


def to_json(value: Any) -> bytes:
    """Return compact UTF-8 JSON with sorted keys: equal values give equal bytes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8", "replace")
