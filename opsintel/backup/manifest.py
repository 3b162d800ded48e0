"""The manifest that PostgreSQL writes beside a copy of its files, and whether the copy still is what it says.

Format: https://www.postgresql.org/docs/18/backup-manifest-format.html
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsintel.backup.receipt import damaged, digest

FILE = "backup_manifest"
_LAST_LINE = b'"Manifest-Checksum"'


@dataclass(frozen=True, slots=True)
class LogSpan:
    """The part of the log that makes a copy whole."""

    timeline: int
    start: str
    end: str


def log_span(copy: Path) -> LogSpan:
    """Return which part of the log a copy needs."""
    span = json.loads((copy / FILE).read_bytes())["WAL-Ranges"][0]
    return LogSpan(span["Timeline"], span["Start-LSN"], span["End-LSN"])


def verify(copy: Path) -> None:
    """Raise `StorageError` for the first file that is missing, or is not what the manifest says."""
    for entry in _entries(copy):
        name = entry["Path"] if "Path" in entry else bytes.fromhex(entry["Encoded-Path"]).decode(errors="replace")
        file = copy / name
        if not file.is_file():
            raise damaged(copy, f"{name} is missing")
        if file.stat().st_size != entry["Size"] or digest(file) != entry["Checksum"]:
            raise damaged(copy, f"{name} is not what it was")


def _entries(copy: Path) -> list[dict[str, Any]]:
    """Return the files that the manifest names, once its own checksum is right."""
    try:
        content = (copy / FILE).read_bytes()
        manifest = json.loads(content)
        files: list[dict[str, Any]] = manifest["Files"]
        expected = manifest["Manifest-Checksum"]
    except (OSError, ValueError, KeyError):
        raise damaged(copy, f"{FILE} cannot be read") from None
    if hashlib.sha256(content[: content.rfind(_LAST_LINE)]).hexdigest() != expected:
        raise damaged(copy, f"{FILE} is not what it was")
    return files
