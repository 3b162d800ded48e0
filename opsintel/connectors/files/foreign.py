"""Files of other kinds, known by their first bytes, and what a person can do with them instead."""

from __future__ import annotations

from typing import NamedTuple


class Foreign(NamedTuple):
    """What a file is, with its article, and the remedy."""

    kind: str
    remedy: str


_UNPACK = "Unpack it first"
_AS_EML = "Give a mail as .eml"
_AS_UTF8 = "Save it as UTF-8"
_MAGIC = (
    (b"PK\x03\x04", Foreign("a zip archive", "Use opsintel import for a Slack export; unpack any other archive")),
    (b"\x1f\x8b", Foreign("a gzip archive", _UNPACK)),
    (b"BZh", Foreign("a bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ", Foreign("an xz archive", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Foreign("a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a\x07", Foreign("a RAR archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Foreign("a Zstandard archive", _UNPACK)),
    (b"!BDN", Foreign("an Outlook data file", "Export the folder as mbox or .eml files first")),
    (b"\xd0\xcf\x11\xe0", Foreign("an Outlook or Office file", "Save a message as .eml, a table as CSV, first")),
    (b"%PDF", Foreign("a PDF file", _AS_EML)),
    (b"\x89PNG", Foreign("an image", _AS_EML)),
    (b"GIF8", Foreign("an image", _AS_EML)),
    (b"\xff\xd8\xff", Foreign("an image", _AS_EML)),
    (b"\xff\xfe\x00\x00", Foreign("text in UTF-32", _AS_UTF8)),
    (b"\x00\x00\xfe\xff", Foreign("text in UTF-32", _AS_UTF8)),
    (b"\xff\xfe", Foreign("text in UTF-16", _AS_UTF8)),
    (b"\xfe\xff", Foreign("text in UTF-16", _AS_UTF8)),
)


def foreign_kind(start: bytes) -> Foreign | None:
    """Return what a file is that begins so, None where it may be one that we read."""
    return next((foreign for magic, foreign in _MAGIC if start.startswith(magic)), None)
