"""What a recogniser finds: a kind and a place, never a value of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

PersonalKind = Literal["email", "phone", "iban", "card", "ip", "key", "national_id"]


class Found(NamedTuple):
    """Where personal data of a kind stands: characters `start` to `end` of the text."""

    kind: PersonalKind
    start: int
    end: int


Finds = Iterator[Found]
