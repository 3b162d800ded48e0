"""A source that is one file to which others append: read where the last import stopped.

The cursor holds an offset and the hash of all bytes before it. Where those bytes are still the same only what follows
is read; where they are not (edited, compacted, truncated, replaced) the whole file is read again, and since ids come
from content or from the rows themselves the store finds nothing new in what it has.
"""

from __future__ import annotations

import hashlib
import os
import time
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from opsintel.connectors.contract import Checkpoint, Cursor, Failure, ReadItem, Tombstone, Upsert
from opsintel.connectors.files.base import FileConnector, paged
from opsintel.errors import InputError, StorageError

BLOCK = 1024 * 1024
_SETTLED_NS = 2_000_000_000


class GrowingFile:
    """A file open for reading, up to the size it had when it was opened."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise unreadable(path, error) from error
        self.path = path
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        # A time stamp younger than the clock's steps may belong to two contents; only an older one is trusted.
        settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
        self.stamp = [status.st_size, status.st_mtime_ns] if settled else None
        self._hasher = hashlib.sha256()
        self._hashed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset, fewer only at the end. Raises `StorageError` if the file shrank or failed."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        try:
            found = os.pread(self._descriptor, length, offset)
            while len(found) < length and (
                more := os.pread(self._descriptor, length - len(found), offset + len(found))
            ):
                found += more
        except OSError as error:
            raise StorageError(f"{self.path} cannot be read: {error.strerror}") from error
        if len(found) < length:
            raise StorageError(f"{self.path} became shorter while it was read", remedy="Import it again")
        return found

    def prefix_hash(self, offset: int) -> str:
        """Return the SHA-256 of all bytes before an offset, reading on from where it last was asked for."""
        if offset < self._hashed:
            self._hasher, self._hashed = hashlib.sha256(), 0
        while self._hashed < offset:
            block = self.read_at(self._hashed, min(BLOCK, offset - self._hashed))
            self._hasher.update(block)
            self._hashed += len(block)
        return self._hasher.copy().hexdigest()


class Position(NamedTuple):
    """Where reading stands: behind the last item, with that item's place and id, since it may yet grow."""

    offset: int = 0
    number: int = 0
    last: int = 0
    last_id: str = ""


class Scanned(NamedTuple):
    """One item of the file, with the bytes it was read from."""

    item: Upsert | Failure
    start: int
    end: int


class GrowingFileConnector(FileConnector):
    """Reads a file item by item; a subclass knows where items begin and end."""

    @property
    def layout(self) -> str:
        """Return what the items depend on besides the bytes; a cursor of another layout is not used."""
        return ""

    @abstractmethod
    def scan(self, file: GrowingFile, start: int, number: int) -> Iterator[Scanned]:
        """Yield the items from `start` on, where an item begins; `number` items precede it."""

    @abstractmethod
    def is_item_end(self, file: GrowingFile, offset: int) -> bool:
        """Tell whether the item that ended the file when it had `offset` bytes ends there still."""

    def inspect(self) -> None:
        """Raise `InputError` for what is no file, empty, unreadable, or not of this kind."""
        if not self.path.exists():
            raise InputError(f"{self.path} does not exist", remedy="Check the path")
        if not self.path.is_file():
            raise InputError(f"{self.path} is no file", remedy=f"Give the path of one file for {self.manifest.title}")
        with GrowingFile(self.path) as file:
            if file.size == 0:
                raise InputError(f"{self.path} is empty", remedy="Check that it was exported or copied completely")
            self.inspect_file(file)

    @abstractmethod
    def inspect_file(self, file: GrowingFile) -> None:
        """Raise `InputError` where the file is not of this kind."""

    def read_all(self) -> Iterator[Upsert | Failure]:
        """Yield every item of the file."""
        with GrowingFile(self.path) as file:
            for scanned in self.scan(file, 0, 0):
                yield scanned.item

    def read_from(self, cursor: Cursor | None) -> Iterator[ReadItem]:
        """Yield what was appended since `cursor`, or everything where what it covers has changed."""
        with GrowingFile(self.path) as file:
            if cursor and file.stamp is not None and cursor.get("stamp") == file.stamp:
                return
            position, grown_id = self._resume(file, cursor)
            reached = None
            for item in paged(self._positions(file, position, grown_id), lambda at: self._cursor(file, at)):
                reached = item.cursor if isinstance(item, Checkpoint) else reached
                yield item
            if reached is None and cursor and file.stamp is not None and cursor.get("offset") == file.size:
                yield Checkpoint({**cursor, "stamp": file.stamp})

    def _positions(self, file: GrowingFile, start: Position, grown_id: str) -> Iterator[tuple[ReadItem, Position]]:
        number = start.number
        for scanned in self.scan(file, start.offset, start.number):
            number += 1
            native_id = scanned.item.native_id if isinstance(scanned.item, Upsert) else ""
            if grown_id and native_id != grown_id:
                yield Tombstone(grown_id, None), start
            grown_id = ""
            yield scanned.item, Position(scanned.end, number, scanned.start, native_id)

    def _cursor(self, file: GrowingFile, at: Position) -> Cursor:
        cursor: Cursor = {
            "offset": at.offset,
            "number": at.number,
            "last": at.last,
            "last_id": at.last_id,
            "prefix": file.prefix_hash(at.offset),
            "layout": self.layout,
        }
        return cursor | {"stamp": file.stamp} if at.offset == file.size and file.stamp is not None else cursor

    def _resume(self, file: GrowingFile, cursor: Cursor | None) -> tuple[Position, str]:
        """Return where to read on, and the id of the last item where it has grown since."""
        try:
            if cursor is None or cursor["layout"] != self.layout:
                return Position(), ""
            at = Position(int(cursor["offset"]), int(cursor["number"]), int(cursor["last"]), str(cursor["last_id"]))
            if not 0 <= at.last <= at.offset <= file.size or file.prefix_hash(at.offset) != cursor["prefix"]:
                return Position(), ""
        except (KeyError, TypeError, ValueError):
            return Position(), ""
        if at.offset == 0 or at.offset == file.size or self.is_item_end(file, at.offset):
            return at, ""
        return Position(at.last, at.number - 1), at.last_id


def unreadable(path: Path, error: OSError) -> InputError:
    """Return the error for a path that the system refuses to open."""
    if isinstance(error, PermissionError):
        return InputError(f"{path} cannot be read: permission denied", remedy="Give the user of opsintel read access")
    return InputError(f"{path} cannot be read: {(error.strerror or 'unknown fault').lower()}", remedy="Check the path")
