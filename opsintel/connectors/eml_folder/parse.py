"""Which files of a folder are mails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from opsintel.connectors.files.folder import FoundFile, read_start, walk
from opsintel.connectors.files.mail import SNIFFED, looks_like_mail

# Outlook's own .msg is a container that is not read; it is listed, so that it becomes a visible failure.
MAIL_SUFFIXES = frozenset({".eml", ".msg"})


def mail_files(root: Path) -> Iterator[FoundFile]:
    """Yield the files that are called mails or whose content begins as one does; of a single file, itself."""
    if root.is_file():
        status = root.stat()
        yield FoundFile(root.name, status.st_size, status.st_mtime_ns)
        return
    for found in walk(root):
        path = PurePosixPath(found.name)
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in MAIL_SUFFIXES or looks_like_mail(read_start(root / path, SNIFFED)):
            yield found
