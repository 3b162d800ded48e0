"""The list of items that every answer of a model is."""

from __future__ import annotations

import json
import re

from opsintel.llm.ask import InvalidAnswer

_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)


def items_in(content: str) -> list[object]:
    """Return the items of `{"items": [...]}`, fenced or not; raises `InvalidAnswer` where it is no such object."""
    fenced = _FENCE.match(content)
    try:
        answer = json.loads(fenced.group(1) if fenced else content)
    except (ValueError, RecursionError):
        raise InvalidAnswer("it is no JSON object") from None
    listed = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise InvalidAnswer("it has no list named items")
    return listed
