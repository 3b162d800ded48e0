"""Opaque page cursors: sort keys, signed together with the question they belong to."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from opsintel_api.problems import RequestProblem, unprocessable

_TAG_BYTES = 16


def encode_cursor(keys: Sequence[Any], question: str, key: bytes) -> str:
    """Return the cursor of a row's sort keys within a question."""
    content = json.dumps(keys, separators=(",", ":"), default=str).encode()
    return base64.urlsafe_b64encode(_tag(content, question, key) + content).rstrip(b"=").decode()


def decode_cursor(cursor: str, question: str, key: bytes) -> list[Any]:
    """Return the sort keys; a 422 problem for a cursor of another question, or one that we did not make."""
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused() from None
    tag, content = content[:_TAG_BYTES], content[_TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(content, question, key)):
        raise _refused()
    keys = json.loads(content)
    assert isinstance(keys, list)
    return keys


def moment_and_id(keys: Sequence[Any]) -> tuple[datetime | None, UUID | None]:
    """Return the keys of a list that is ordered by time and id."""
    return (datetime.fromisoformat(keys[0]), UUID(keys[1])) if keys else (None, None)


def _tag(content: bytes, question: str, key: bytes) -> bytes:
    return hmac.digest(key, question.encode() + b"\0" + content, hashlib.sha256)[:_TAG_BYTES]


def _refused() -> RequestProblem:
    return unprocessable("cursor", "It does not belong to this query")
