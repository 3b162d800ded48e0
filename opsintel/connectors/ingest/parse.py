"""A body as records: one JSON object, an array of them, or an object a line."""

from __future__ import annotations

import json
from typing import Any

from opsintel.errors import InputError

MOST_RECORDS = 10_000


def records_of(body: bytes) -> list[Any]:
    """Return the records of a body. Raises `InputError` for what is no JSON, empty, or holds too many."""
    try:
        text = body.decode()
        try:
            value = json.loads(text, parse_constant=_refuse)
            records = value if isinstance(value, list) else [value]
        except json.JSONDecodeError:
            records = [json.loads(line, parse_constant=_refuse) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise InputError("The body is no JSON: send an object, an array of objects, or an object a line") from None
    if not 0 < len(records) <= MOST_RECORDS:
        raise InputError(f"A body holds 1 to {MOST_RECORDS:,} records")
    return records


def _refuse(name: str) -> None:
    raise ValueError(name)
