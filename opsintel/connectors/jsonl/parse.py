"""A line of JSON as a row."""

from __future__ import annotations

import json
from typing import Any

from opsintel.errors import ItemError


def parse_object(content: bytes) -> dict[str, Any]:
    """Return the object of a line. Raises `ItemError` for anything else, with the reason."""
    try:
        value = json.loads(content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"), parse_constant=_refuse)
    except RecursionError as error:
        raise ItemError("not JSON: nested too deeply") from error
    except ValueError as error:
        raise ItemError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ItemError("no JSON object")
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")
