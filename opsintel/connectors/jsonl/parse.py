"""A line of JSON as a row."""

from __future__ import annotations

import json
import math
from typing import Any

from opsintel.errors import ItemError


def parse_object(content: bytes) -> dict[str, Any]:
    """Return the object of a line. Raises `ItemError` for anything else, with the reason."""
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        value = json.loads(text, parse_constant=_refuse, parse_float=_number)
    except RecursionError as error:
        raise ItemError("not JSON: nested too deeply") from error
    except ValueError as error:
        raise ItemError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ItemError("no JSON object")
    return value


def _number(text: str) -> float | str:
    """Return a number, or its text where it is beyond what a float can hold."""
    value = float(text)
    return value if math.isfinite(value) else text


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")
