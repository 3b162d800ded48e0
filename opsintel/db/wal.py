"""The archive of the embedded server's log (WAL): what restores to any moment read.

The server hands each finished segment of 16 MiB to a command, which keeps it compressed under its own name and never
overwrites one with something else. A segment is finished when it is full, a minute after its first change, and when the
server stops.
"""

from __future__ import annotations

import gzip
import re
import shlex
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opsintel.db.server_programs import ServerPrograms
from opsintel.errors import InputError, StorageError

SEGMENT_BYTES = 16 << 20
SEGMENTS_PER_LOG = 0x100000000 // SEGMENT_BYTES
ARCHIVE_SECONDS = 60
LARGEST_HISTORY = 1_000_000
"""Bytes; a line of a history has fifty, and a restore adds one."""
"""What was committed longer ago than this is in the archive, while the archive can be written."""

_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})\.gz")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history\.gz")


@dataclass(frozen=True, order=True, slots=True)
class LogPosition:
    """A place in the log, as the server writes it: `16/B374D848`."""

    value: int

    @classmethod
    def of(cls, text: str) -> LogPosition:
        """Return the position that a text names; `ValueError` when it names none."""
        high, _, low = text.partition("/")
        return cls((int(high, 16) << 32) + int(low, 16))

    @property
    def segment(self) -> int:
        """Number of the segment that holds the position."""
        return self.value // SEGMENT_BYTES


def archive_options(folder: Path, programs: ServerPrograms) -> dict[str, str]:
    """Return the settings with which the server archives to a folder, which is made where it is not there.

    Raises `StorageError` where it cannot be made, `SettingError` where the server's user cannot reach it.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        folder.mkdir(exist_ok=True, mode=0o700)
        programs.give(folder)
    except OSError as error:
        raise StorageError(
            f"The folder {folder} cannot be made: {error.strerror}",
            remedy="Set OPSINTEL_BACKUP_DIR to a folder of yours",
        ) from None
    programs.require_reachable(folder.parent, "OPSINTEL_BACKUP_DIR")
    kept = f"{_quoted(folder)}/%f.gz"
    command = (
        f"if [ -e {kept} ]; then gzip -dc {kept} | cmp -s - %p; "
        f"else gzip -1 -c %p > {kept}.part && sync {kept}.part && mv {kept}.part {kept}; fi"
    )
    return {"archive_mode": "on", "archive_timeout": str(ARCHIVE_SECONDS), "archive_command": command}


def restore_command(folder: Path) -> str:
    """Return the command by which a server in recovery gets a segment from the archive."""
    return f"gzip -dc {_quoted(folder)}/%f.gz > %p"


def _quoted(folder: Path) -> str:
    return shlex.quote(str(folder)).replace("%", "%%")


def first_gap(folder: Path, start: LogPosition) -> str | None:
    """Return what is wrong with the first segment from `start` on that is missing or damaged; None when none is.

    A segment counts on whatever timeline it is: at a switch the new one begins with a copy of the old one's.
    """
    found = sorted(
        (segment, file.name) for file in _files(folder, _SEGMENT) if (segment := _number(file.name)) >= start.segment
    )
    expected = start.segment
    for segment, name in found:
        if segment > expected:
            return f"segment {expected // SEGMENTS_PER_LOG:08X}{expected % SEGMENTS_PER_LOG:08X} is missing"
        expected = segment + 1
        if _is_damaged(folder / name):
            return f"{name} is damaged"
    return None


def remove_before(folder: Path, start: LogPosition) -> None:
    """Remove the segments that end before a position."""
    for file in _files(folder, _SEGMENT):
        if _number(file.name) < start.segment:
            file.unlink()


def is_of_present(folder: Path, timeline: int, position: LogPosition) -> bool:
    """Tell whether a place on a timeline belongs to the newest history in the archive.

    What came after the moment of an earlier restore does not: it is the future that the restore left behind.
    """
    newest = max(_files(folder, _HISTORY), default=None)
    if newest is None:
        return True
    latest = int(newest.name[:8], 16)
    if timeline == latest:
        return True
    left = {int(parent): LogPosition.of(at) for parent, at in _history(newest)}
    return timeline in left and position <= left[timeline]


def _history(file: Path) -> Sequence[tuple[str, str]]:
    """Return the timelines that a timeline descends from, each with the place where it was left.

    Raises `InputError` for what is no history: damaged, or larger than any.
    """
    try:
        with gzip.open(file) as packed:
            content = packed.read(LARGEST_HISTORY + 1)
    except (OSError, EOFError, zlib.error):
        content = None
    if content is None or len(content) > LARGEST_HISTORY:
        raise InputError(f"{file} is no history of timelines", remedy="Restore from another copy of the back-ups")
    lines = (line.split() for line in content.decode("utf-8", "replace").splitlines())
    return [(words[0], words[1]) for words in lines if len(words) >= 2 and words[0].isdecimal()]


def _files(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    return [file for file in folder.iterdir() if pattern.fullmatch(file.name)] if folder.is_dir() else []


def _number(name: str) -> int:
    return int(name[8:16], 16) * SEGMENTS_PER_LOG + int(name[16:24], 16)


def _is_damaged(file: Path) -> bool:
    size = 0
    try:
        with gzip.open(file) as segment:
            while size <= SEGMENT_BYTES and (block := segment.read(1 << 20)):
                size += len(block)
    except (OSError, EOFError, zlib.error):
        return True
    return size != SEGMENT_BYTES
