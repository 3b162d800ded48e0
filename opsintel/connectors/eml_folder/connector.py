"""Reads a folder of mail files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import PurePosixPath

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.eml_folder.manifest import MANIFEST
from opsintel.connectors.eml_folder.parse import mail_files
from opsintel.connectors.files.folder import check_folder, read_mail
from opsintel.connectors.files.growing import GrowingFile
from opsintel.connectors.files.parts import Part, PartsConnector, PartSource
from opsintel.errors import InputError


class EmlFolderConnector(PartsConnector):
    """Mails of a folder and the folders below it, or the one mail of a file."""

    manifest = MANIFEST

    def inspect(self) -> None:
        """Raise `InputError` unless there is at least one mail."""
        if self.path.is_file():
            with GrowingFile(self.path) as file:
                if file.size == 0:
                    raise InputError(f"{self.path} is empty", remedy="Check that it was copied completely")
            return
        check_folder(self.path)
        if next(mail_files(self.path), None) is None:
            raise InputError(
                f"{self.path} holds no mail",
                remedy="Give a folder with .eml files, or with files that begin as mails do",
            )

    def open_parts(self) -> AbstractContextManager[PartSource]:
        """Return the folder itself, which needs no opening."""
        return nullcontext(self)

    def parts(self) -> Sequence[Part]:
        """Return the mails in order of name; one with another size or time is read again."""
        found = mail_files(self.path)
        return [Part(f"{file.name}|{file.size}|{file.modified_ns}", file.name, file.size) for file in found]

    def read_part(self, part: Part) -> Iterator[Upsert | Failure]:
        """Yield the one mail of a file."""
        channel = str(PurePosixPath(part.name).parent)
        root = self.path.parent if self.path.is_file() else self.path
        yield read_mail(root, part.name, "" if channel == "." else channel)
