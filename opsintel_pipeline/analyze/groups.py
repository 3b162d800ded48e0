"""Which messages share a call: short ones, in order; a long one goes alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

MOST = 10
"""Messages of one call. More of them dilute a model's attention, and one fault costs more."""

CHARACTERS = 12_000
"""Of the texts of one call, unless it is about a single message."""


def grouped(items: Iterable[tuple[T, int]]) -> Iterator[list[T]]:
    """Yield groups of items, each given with the length of its text, in their order."""
    group: list[T] = []
    length = 0
    for item, size in items:
        if group and (len(group) == MOST or length + size > CHARACTERS):
            yield group
            group, length = [], 0
        group.append(item)
        length += size
    if group:
        yield group


def is_in_sample(content: bytes, share: float) -> bool:
    """Tell whether a message is of the share that is analysed, by its content: the same in every run."""
    return int.from_bytes(content[:4]) < share * 2**32
