"""What a back-up says of itself: written last, so that one without it was never finished."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from opsintel.errors import InputError, StorageError

FORMAT = 1
FILE = "receipt.json"


@dataclass(frozen=True)
class Receipt:
    """What a back-up holds, and what has to be at hand to use it."""

    kind: Literal["embedded", "dump"]
    """A copy of the embedded server's files, or dumps of the databases of `DB_URL`."""

    version: str
    server: int
    """Major version of PostgreSQL."""

    revision: str
    began_at: str
    ended_at: str
    """The earliest moment that it restores to."""

    master_keys: list[str]
    """Ids of the master keys that wrap the data keys in it; the keys themselves are never in a back-up."""

    objects: str
    """Where the objects are: `here`, or the bucket with its own versions."""

    object_count: int
    object_bytes: int
    any_moment: bool = False
    """Whether the log was kept when it was made, so that it restores to any later moment."""

    timeline: int = 1
    start: str = "0/0"
    end: str = "0/0"
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the files that have no manifest of their own."""

    format: int = FORMAT


def write(folder: Path, receipt: Receipt) -> None:
    """Write a back-up's receipt."""
    (folder / FILE).write_text(json.dumps(asdict(receipt), indent=2) + "\n")


def read(folder: Path) -> Receipt:
    """Return a back-up's receipt; `InputError` where it has none that this version reads."""
    try:
        fields = json.loads((folder / FILE).read_bytes())
        if fields["format"] > FORMAT:
            raise InputError(
                f"{folder} was made by a newer opsintel ({fields['version']})", remedy="Restore it with that version"
            )
        receipt = Receipt(**fields)
        datetime.fromisoformat(receipt.ended_at)
    except FileNotFoundError:
        raise InputError(
            f"{folder} is no finished back-up: it has no {FILE}", remedy="Copy all of it, or choose another"
        ) from None
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(f"{folder / FILE} cannot be read", remedy="Copy all of it, or choose another") from None
    return receipt


def verify_files(folder: Path, receipt: Receipt) -> None:
    """Raise `StorageError` for the first file that is missing or is not what it was."""
    for name, expected in receipt.files.items():
        path = folder / name
        if not path.is_file():
            raise damaged(folder, f"{name} is missing")
        if digest(path) != expected:
            raise damaged(folder, f"{name} is not what it was")


def damaged(folder: Path, what: str) -> StorageError:
    """Return the error for a back-up that is not whole."""
    return StorageError(
        f"The back-up {folder} is incomplete or damaged: {what}", remedy="Copy it again, or take another"
    )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
