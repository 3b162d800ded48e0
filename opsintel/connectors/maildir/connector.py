"""Reads a Maildir with its sub-folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.files.folder import check_folder, read_mail, walk
from opsintel.connectors.files.parts import Part, PartsConnector, PartSource
from opsintel.connectors.maildir.manifest import MANIFEST
from opsintel.connectors.maildir.parse import is_maildir, split_name
from opsintel.errors import InputError


class MaildirConnector(PartsConnector):
    """Mails of a Maildir; a mail whose flags changed is not new."""

    manifest = MANIFEST

    def inspect(self) -> None:
        """Raise `InputError` unless the folder, or one below it, has cur and new."""
        check_folder(self.path)
        if not is_maildir(self.path) and not any(is_maildir(path.parent) for path in self.path.glob("**/cur")):
            raise InputError(
                f"{self.path} is no Maildir: it has no folders cur and new",
                remedy="Give the folder that holds cur, new and tmp",
            )

    def open_parts(self) -> AbstractContextManager[PartSource]:
        """Return the folder itself, which needs no opening."""
        return nullcontext(self)

    def parts(self) -> Sequence[Part]:
        """Return the mails in order of folder and unique name."""
        named = ((split_name(found.name), found) for found in walk(self.path))
        return sorted(Part("/".join(names), found.name, found.size) for names, found in named if names is not None)

    def read_part(self, part: Part) -> Iterator[Upsert | Failure]:
        """Yield the one mail of a file."""
        names = split_name(part.name)
        yield read_mail(self.path, part.name, names[0] if names else "")
