"""Folders of mail files: what they hold, and how one file is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.files.growing import unreadable
from opsintel.connectors.files.mail import MESSAGE_LIMIT, mail_upsert
from opsintel.connectors.files.text import plain
from opsintel.errors import InputError

_COMPOUND_FILE = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file: its path relative to the folder, its size and modification time in nanoseconds."""

    name: str
    size: int
    modified_ns: int


def check_folder(path: Path) -> None:
    """Raise `InputError` unless the path is a folder that can be listed."""
    if not path.exists():
        raise InputError(f"{path} does not exist", remedy="Check the path")
    if not path.is_dir():
        raise InputError(f"{path} is no folder", remedy="Give the path of the folder that holds the mails")
    try:
        os.scandir(path).close()
    except OSError as error:
        raise unreadable(path, error) from error


def walk(root: Path) -> Iterator[FoundFile]:
    """Yield the regular files below a folder, always in the same order; links and devices are left out."""
    pending = [""]
    while pending:
        inside = pending.pop()
        try:
            with os.scandir(root / inside) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            raise unreadable(root / inside, error) from error
        folders = []
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                yield FoundFile(name, status.st_size, status.st_mtime_ns)
        pending.extend(reversed(folders))


def read_start(path: Path, length: int) -> bytes:
    """Return the first bytes of a file, none where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(length)
    except OSError:
        return b""


def read_mail(root: Path, name: str, channel: str) -> Upsert | Failure:
    """Return the mail in a file of a folder, or why it cannot be read."""
    key = plain(name)
    try:
        # Between listing and reading a file may have been replaced: by a link, or by a pipe that never ends.
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return Failure("file", key, "no regular file", retryable=False)
            if status.st_size > MESSAGE_LIMIT:
                reason = f"mail of {status.st_size:,} bytes; the limit is {MESSAGE_LIMIT:,}"
                return Failure("file", key, reason, retryable=False)
            payload = file.read(MESSAGE_LIMIT)
    except OSError as error:
        return Failure("file", key, (error.strerror or "cannot be read").lower(), retryable=True)
    if not payload.strip():
        return Failure("file", key, "empty file", retryable=False)
    if payload.startswith(_COMPOUND_FILE):
        return Failure("file", key, "Outlook's own format; save the mail as .eml", retryable=False)
    return mail_upsert(payload, key, plain(channel))
