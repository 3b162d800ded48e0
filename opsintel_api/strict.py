"""Requests are read strictly: nothing twice, nothing unreadable, nothing too deep (RFC 8259, RFC 7493).

What a route does not know is refused by its models (`Parameters`); here is what no model gets to see.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.routing import APIRoute

from opsintel_api.problems import unprocessable

MAXIMUM_DEPTH = 32
"""Arrays and objects within each other."""

MAXIMUM_VALUES = 20_000
"""Texts, arrays and objects of a body."""

MAXIMUM_PARAMETERS = 50
SHOWN_CHARACTERS = 60
"""Of a name that a request made up, when its problem says which it was."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """Return the body as Python has it; 422 when it cannot be trusted to mean one thing to everyone."""
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route whose requests are read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, which gets a strict request."""
        handler = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strictly


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text; a 422 problem when it is no JSON, too deep, too large, or ambiguous.

    Refused are names that occur twice in an object, numbers that are none, NUL, halves of surrogate pairs, and bytes
    that are no UTF-8: what other programs read differently, and what the database cannot store.
    """
    try:
        text = body.decode()
        _bound(text)
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise unprocessable("body", "It is not UTF-8") from None
    except (ValueError, RecursionError):
        raise unprocessable("body", "It is not JSON") from None
    _require_usable(value, "")
    return value


async def readable_query(request: Request) -> None:
    """Refuse query parameters that are given twice, are no UTF-8, or hold what cannot be stored."""
    raw = request.scope.get("query_string", b"")
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAXIMUM_PARAMETERS
        )
    except ValueError:
        raise unprocessable("query", f"It has at most {MAXIMUM_PARAMETERS} parameters, in UTF-8") from None
    seen = set[str]()
    for name, value in pairs:
        if name in seen:
            raise unprocessable(_shown(name), "It is given twice")
        _require_usable(name, "query")
        _require_usable(value, _shown(name))
        seen.add(name)


def _bound(text: str) -> None:
    """Refuse what is too deep or holds too much, before anything is built of it."""
    depth = 0
    for number, token in enumerate(_TOKEN.finditer(text)):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        if depth > MAXIMUM_DEPTH:
            raise unprocessable("body", f"It is deeper than {MAXIMUM_DEPTH} levels")
        if number >= MAXIMUM_VALUES:
            raise unprocessable("body", f"It holds more than {MAXIMUM_VALUES:,} values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _ in pairs)
        twice, _ = names.most_common(1)[0]
        _require_usable(twice, "body")
        raise unprocessable(_shown(twice), "It is given twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _require_usable(value: Any, place: str) -> None:
    """Refuse texts with NUL or half a surrogate pair, naming the field."""
    if isinstance(value, str):
        if _UNUSABLE.search(value):
            raise unprocessable(place or "body", "It holds a character that is none")
    elif isinstance(value, dict):
        for name, part in value.items():
            _require_usable(name, place)
            _require_usable(part, f"{place}.{_shown(name)}".lstrip("."))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            _require_usable(part, f"{place}.{number}".lstrip("."))


def _shown(name: str) -> str:
    return name[:SHOWN_CHARACTERS]
