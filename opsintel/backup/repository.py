"""A folder of back-ups: `base/<when>/` each, and beside them what all share: `objects/` and the log in `wal/`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opsintel.backup import receipt as receipts
from opsintel.backup.objects import prune_copies
from opsintel.backup.receipt import Receipt
from opsintel.clock import now
from opsintel.db import wal
from opsintel.db.wal import LogPosition
from opsintel.errors import InputError, StorageError

NAME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Backup:
    """A finished back-up in its place."""

    folder: Path
    receipt: Receipt

    @property
    def ended_at(self) -> datetime:
        """The earliest moment that it restores to."""
        return datetime.fromisoformat(self.receipt.ended_at)

    @property
    def start(self) -> LogPosition:
        """Where in the log its recovery begins."""
        return LogPosition.of(self.receipt.start)


class Repository:
    """The folder that `opsintel backup` writes to and `opsintel restore` reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wal = root / "wal"
        self.objects = root / "objects"
        self._bases = root / "base"

    @classmethod
    def of(cls, path: Path) -> tuple[Repository, Path | None]:
        """Return the repository that a path names, and the back-up in it where the path is one."""
        if (path / receipts.FILE).exists() or path.parent.name == "base":
            return cls(path.parent.parent), path
        return cls(path), None

    @contextmanager
    def new_backup(self) -> Iterator[Path]:
        """Yield an empty folder, which is in its place at the end; what fails leaves nothing.

        Raises `StorageError` where the repository cannot be written.
        """
        name = now().strftime(NAME)
        incomplete, final = self._bases / f"{name}.part", self._bases / name
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o755)
            self._bases.mkdir(exist_ok=True, mode=0o700)
            for left in self._bases.glob("*.part"):
                shutil.rmtree(left)
            incomplete.mkdir(mode=0o700)
            yield incomplete
            incomplete.rename(final)
        except OSError as error:
            raise StorageError(
                f"The back-up cannot be written to {self.root}: {error.strerror or error}",
                remedy="Is there room, and may this user write there?",
            ) from None
        finally:
            shutil.rmtree(incomplete, ignore_errors=True)

    def backups(self) -> list[Backup]:
        """Return the finished back-ups, oldest first."""
        folders = [path for path in self._bases.iterdir() if (path / receipts.FILE).exists()] if self._exists() else []
        return sorted(
            (Backup(path, receipts.read(path)) for path in folders), key=lambda b: (b.ended_at, b.folder.name)
        )

    def _exists(self) -> bool:
        return self._bases.is_dir()

    def newest(self, to: datetime | None) -> Backup:
        """Return the newest back-up that restores to a moment (None: the latest there is); `InputError` without one.

        One of a future that an earlier restore left behind does not count.
        """
        found = self.backups()
        if not found:
            raise InputError(
                f"{self.root} holds no finished back-up", remedy="Name the folder given to `opsintel backup`"
            )
        present = [b for b in found if wal.is_of_present(self.wal, b.receipt.timeline, LogPosition.of(b.receipt.end))]
        in_time = [backup for backup in present if to is None or backup.ended_at <= to]
        if not in_time:
            earliest = min((backup.ended_at for backup in present), default=found[0].ended_at)
            raise InputError(
                f"No back-up is as old as {to}: the earliest restores to {earliest.isoformat(timespec='seconds')}",
                remedy="Choose a moment from then on",
            )
        return in_time[-1]

    def prune(self, keep: int) -> int:
        """Remove all but the newest back-ups, and the log and the objects that only they needed; return how many went.

        With the last back-up that is older than an erasure, what was erased is gone from here too.
        """
        found = self.backups()
        removed, kept = found[:-keep], found[-keep:]
        for backup in removed:
            shutil.rmtree(backup.folder)
        if removed and kept:
            wal.remove_before(self.wal, min(backup.start for backup in kept))
        prune_copies(self.objects, [backup.folder for backup in kept])
        return len(removed)
