"""Names within a Maildir (cr.yp.to/proto/maildir.html; sub-folders as in Maildir++ or nested)."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

# Flags follow a colon; programs on file systems without colons write another mark in its place.
_FLAGS = re.compile(r"[:;!]2,[A-Za-z]*\Z")
_HELD = frozenset({"cur", "new"})


def is_maildir(folder: Path) -> bool:
    """Tell whether a folder has the two sub-folders that hold mails."""
    return all((folder / name).is_dir() for name in _HELD)


def split_name(name: str) -> tuple[str, str] | None:
    """Return (folder, unique name) of a path below the Maildir, None for a file that holds no mail.

    The unique name has no flags and does not tell cur from new: reading a mail moves it and changes nothing in it.
    """
    path = PurePosixPath(name)
    if path.parent.name not in _HELD or path.name.startswith("."):
        return None
    folder = "/".join(part.strip(".").replace(".", "/") for part in path.parent.parent.parts)
    return folder or "INBOX", _FLAGS.sub("", path.name)
