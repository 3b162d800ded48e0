"""Which kind of source a path is, by its content; names and endings of files decide nothing."""

from __future__ import annotations

import zipfile
from pathlib import Path

from opsintel.connectors.eml_folder.parse import mail_files
from opsintel.connectors.files.folder import check_folder
from opsintel.connectors.files.foreign import foreign_kind
from opsintel.connectors.files.growing import GrowingFile
from opsintel.connectors.files.mail import SNIFFED, looks_like_mail
from opsintel.connectors.maildir.parse import is_maildir
from opsintel.connectors.registry import connector_class
from opsintel.connectors.slack_export.archive import Archive
from opsintel.connectors.slack_export.connector import is_export
from opsintel.errors import InputError

_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ACCEPTED = "Give an mbox, a Maildir, a folder of .eml, a Slack export zip, CSV or JSON Lines"
_WORKBOOK = "xl/workbook.xml"
_LEADING = b"\xef\xbb\xbf \t\r\n"


def detect_kind(path: Path) -> str:
    """Return the kind of source that a path is.

    Raises `InputError`, with what to do, for a path that is missing, empty, unreadable, truncated or of no known kind.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist", remedy="Check the path")
    if path.is_dir():
        return _folder_kind(path)
    if not path.is_file():
        raise InputError(f"{path} is neither a file nor a folder", remedy=_ACCEPTED)
    with GrowingFile(path) as file:
        if file.size == 0:
            raise InputError(f"{path} is empty", remedy="Check that it was exported or copied completely")
        start = file.read_at(0, SNIFFED)
    return _file_kind(path, start)


def _folder_kind(path: Path) -> str:
    check_folder(path)
    if is_maildir(path) or any(is_maildir(found.parent) for found in path.glob("**/cur")):
        return "maildir"
    if next(mail_files(path), None) is not None:
        return "eml_folder"
    if (path / "channels.json").is_file():
        raise InputError(f"{path} is an unpacked Slack export", remedy="Give the zip that Slack delivered")
    raise InputError(f"{path} holds no mail", remedy=_ACCEPTED)


def _file_kind(path: Path, start: bytes) -> str:
    text = start.lstrip(_LEADING)
    if start.startswith(_ZIP_MAGIC) or zipfile.is_zipfile(path):
        with Archive(path) as archive:
            if is_export(archive):
                return "slack_export"
            if _WORKBOOK in archive.members:
                raise InputError(f"{path} is an Excel workbook", remedy="Save its table as CSV in UTF-8")
        raise InputError(f"{path} is a zip, but no Slack export: it holds no channels.json", remedy=_ACCEPTED)
    foreign = foreign_kind(start)
    if foreign is not None:
        raise InputError(f"{path} is {foreign.kind}", remedy=foreign.remedy)
    if not text:
        raise InputError(f"{path} holds only blank lines", remedy=_ACCEPTED)
    if b"\x00" in start:
        raise InputError(f"{path} is no text file", remedy=f"{_ACCEPTED}, as UTF-8")
    if text.startswith(b"From "):
        return "mbox"
    if looks_like_mail(start):
        return "eml_folder"
    kind = "jsonl" if text[:1] in b"{[" else "csv_file"
    connector = connector_class(kind)
    connector(connector.manifest.config_model(path=path)).check_usable()
    return kind
