"""A source of many parts (files of a folder, members of an archive): read are the parts not read before.

A part is known by its key, which changes with its content: name with size and time, or with a checksum. Between two
pages of one pass the cursor names the part it stands in and the hash of all keys up to it, so its size does not grow
with the pass; at the end it holds eight bytes for each part.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from base64 import b85decode, b85encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from opsintel.connectors.contract import Checkpoint, Cursor, Failure, ReadItem, Upsert
from opsintel.connectors.files.base import FileConnector, paged

_MARK_BYTES = 8


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One part: its key, its name within the source, and its size in bytes."""

    key: str
    name: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """Behind `count` items of the part `index`."""

    index: int
    count: int


@dataclass
class _Pass:
    """One walk over the parts: the marks of what earlier passes read, and of the parts that are to be tried again."""

    parts: Sequence[Part]
    seen: frozenset[bytes]
    retry: set[bytes] = field(default_factory=set)
    start: _Place = _Place(0, 0)


class PartSource(Protocol):
    """An opened source."""

    def parts(self) -> Sequence[Part]:
        """Return all parts, in an order that does not depend on when they came."""

    def read_part(self, part: Part) -> Iterator[Upsert | Failure]:
        """Yield the items of a part, always in the same order."""


class PartsConnector(FileConnector):
    """Reads a source part by part; a subclass opens it."""

    @abstractmethod
    def open_parts(self) -> AbstractContextManager[PartSource]:
        """Return the source, opened for one reading."""

    def read_all(self) -> Iterator[Upsert | Failure]:
        """Yield the items of every part."""
        with self.open_parts() as source:
            for part in source.parts():
                yield from source.read_part(part)

    def read_from(self, cursor: Cursor | None) -> Iterator[ReadItem]:
        """Yield the items of parts that are new or changed since `cursor`."""
        with self.open_parts() as source:
            current = _resume(source.parts(), cursor or {})
            hasher = _KeyHash(current.parts)
            yield from paged(_places(source, current), lambda place: _cursor_within(current, hasher, place))
        finished = _cursor_behind(current)
        if finished != cursor:
            yield Checkpoint(finished)


def _places(source: PartSource, current: _Pass) -> Iterator[tuple[ReadItem, _Place]]:
    for index in range(current.start.index, len(current.parts)):
        part = current.parts[index]
        if _mark(part.key) in current.seen:
            continue
        skipped = current.start.count if index == current.start.index else 0
        for number, item in enumerate(source.read_part(part), start=1):
            if number <= skipped:
                continue
            if isinstance(item, Failure) and item.retryable:
                current.retry.add(_mark(part.key))
            yield item, _Place(index, number)


@dataclass
class _KeyHash:
    """The hash of the keys before a part, reckoned onward."""

    parts: Sequence[Part]
    index: int = 0

    def __post_init__(self) -> None:
        self._hasher = hashlib.sha256()

    def through(self, index: int) -> str:
        for part in self.parts[self.index : index + 1]:
            self._hasher.update(_mark(part.key))
        self.index = max(self.index, index + 1)
        return self._hasher.copy().hexdigest()


def _mark(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=_MARK_BYTES).digest()


def _cursor_within(current: _Pass, hasher: _KeyHash, place: _Place) -> Cursor:
    return {
        "seen": _packed(current.seen),
        "retry": _packed(current.retry),
        "index": place.index,
        "count": place.count,
        "keys": hasher.through(place.index),
    }


def _cursor_behind(current: _Pass) -> Cursor:
    return {"seen": _packed({_mark(part.key) for part in current.parts} - current.retry)}


def _resume(parts: Sequence[Part], cursor: Cursor) -> _Pass:
    """Return the pass that goes on from a cursor: within it where the parts up to there are the same, else anew."""
    try:
        seen, retry = _unpacked(cursor.get("seen", "")), _unpacked(cursor.get("retry", ""))
        index, count = int(cursor.get("index", -1)), int(cursor.get("count", 0))
    except (TypeError, ValueError):
        return _Pass(parts, frozenset())
    if 0 <= index < len(parts) and _KeyHash(parts).through(index) == cursor.get("keys"):
        return _Pass(parts, seen, set(retry), _Place(index, count))
    return _Pass(parts, seen)


def _packed(marks: Iterable[bytes]) -> str:
    return b85encode(b"".join(sorted(marks))).decode("ascii")


def _unpacked(packed: object) -> frozenset[bytes]:
    marks = b85decode(str(packed))
    return frozenset(marks[at : at + _MARK_BYTES] for at in range(0, len(marks), _MARK_BYTES))
