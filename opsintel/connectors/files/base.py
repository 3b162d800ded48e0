"""A source that is a file or folder: its configuration, its check, census, re-reading, and pages."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from opsintel.connectors.connection import Connection
from opsintel.connectors.contract import (
    Check,
    Checkpoint,
    Connector,
    Cursor,
    Failure,
    ReadItem,
    Upsert,
    Verdict,
    Window,
)
from opsintel.errors import InputError

PAGE_ITEMS = 500
PAGE_BYTES = 8 * 1024 * 1024
Position = TypeVar("Position")


class PathConfig(BaseModel):
    """Where the file or folder is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="File or folder on the machine that imports it")


class FileConnector(Connector):
    """What every file source shares. Nothing is pushed down: files have no order in time and no index."""

    config: PathConfig

    def __init__(self, config: BaseModel, connection: Connection | None = None) -> None:
        super().__init__(config, connection)
        assert isinstance(config, PathConfig)
        self.path = config.path

    @abstractmethod
    def inspect(self) -> None:
        """Raise `InputError` with a remedy where the path cannot be used, having read as little as will do."""

    @abstractmethod
    def read_from(self, cursor: Cursor | None) -> Iterator[ReadItem]:
        """Yield what is new since `cursor`, with checkpoints."""

    @abstractmethod
    def read_all(self) -> Iterator[Upsert | Failure]:
        """Yield everything there is, without checkpoints."""

    def check(self) -> Sequence[Check]:
        """Return one check: that the path can be read and is of this kind."""
        try:
            self.inspect()
        except InputError as error:
            return [Check("readable", Verdict.FAILED, True, error.message, error.remedy)]
        return [Check("readable", Verdict.PASSED, True, f"{self.path.name} can be read")]

    def read(self, stream: str, cursor: Cursor | None, until: datetime | None = None) -> Iterator[ReadItem]:
        """Yield what is new since `cursor`; `until` changes nothing, since files are not ordered by time."""
        self.require_stream(stream)
        del until
        self.inspect()
        yield from self.read_from(cursor)

    def census(self, window: Window) -> Iterator[tuple[str, datetime | None]]:
        """Yield each id of the window once; items without a time belong to the open window alone."""
        self.inspect()
        seen: set[str] = set()
        for item in self.read_all():
            if isinstance(item, Upsert) and item.native_id not in seen and window.holds(item.occurred_at):
                seen.add(item.native_id)
                yield item.native_id, item.occurred_at

    def fetch(self, keys: Iterable[str]) -> Iterator[ReadItem]:
        """Yield the named items; one that is no longer there is a failure."""
        self.inspect()
        wanted = set(keys)
        missing = set(wanted)
        for item in self.read_all() if wanted else ():
            if isinstance(item, Upsert) and item.native_id in wanted:
                missing.discard(item.native_id)
                yield item
        for key in sorted(missing):
            yield Failure("message", key, "no longer in the source", retryable=False)


def paged(items: Iterable[tuple[ReadItem, Position]], cursor_at: Callable[[Position], Cursor]) -> Iterator[ReadItem]:
    """Yield the items with a checkpoint after at most 500 of them or 8 MB, and one behind the last.

    Each item comes with the position behind it. A single item above 8 MB is a page of its own.
    """
    count = size = 0
    behind: Position | None = None
    for item, position in items:
        length = len(item.payload) if isinstance(item, Upsert) else 0
        if behind is not None and (count >= PAGE_ITEMS or size + length > PAGE_BYTES):
            yield Checkpoint(cursor_at(behind))
            count = size = 0
        yield item
        count, size, behind = count + 1, size + length, position
    if behind is not None:
        yield Checkpoint(cursor_at(behind))
