"""The list of items that every answer of a model is."""

from __future__ import annotations

import json
import re

from opsintel.llm.ask import InvalidAnswer

_THOUGHT = re.compile(r"\A\s*<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL)
"""What reasoning models that are run locally say before they answer."""
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)


def items_in(content: str) -> list[object]:
    """Return the items of `{"items": [...]}`, fenced or not, after a thought or not.

    Raises `InvalidAnswer` where it is no such object.
    """
    content = _THOUGHT.sub("", content, count=1)
    fenced = _FENCE.match(content)
    try:
        answer = json.loads(fenced.group(1) if fenced else content)
    except (ValueError, RecursionError):
        raise InvalidAnswer("it is no JSON object") from None
    listed = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise InvalidAnswer("it has no list named items")
    return listed
