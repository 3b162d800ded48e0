"""Reads an mbox file."""

from __future__ import annotations

from collections.abc import Iterator

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.files.growing import GrowingFile, GrowingFileConnector, Scanned
from opsintel.connectors.files.mail import MESSAGE_LIMIT, mail_upsert
from opsintel.connectors.mbox.manifest import MANIFEST
from opsintel.connectors.mbox.parse import first_line, separators, unquoted
from opsintel.errors import InputError


class MboxConnector(GrowingFileConnector):
    """Mails of one mbox file, in the order they have there."""

    manifest = MANIFEST

    def inspect_file(self, file: GrowingFile) -> None:
        """Raise `InputError` unless the file begins with a `From ` line."""
        if file.read_at(first_line(file, 0), 5) != b"From ":
            raise InputError(
                f"{self.path} is no mbox file: it does not begin with a line `From sender date`",
                remedy="Check the kind of the file",
            )

    def scan(self, file: GrowingFile, start: int, number: int) -> Iterator[Scanned]:
        """Yield the mails from `start` on. One above the limit is a failure, without being read into memory."""
        found = separators(file, first_line(file, start))
        current = next(found)
        for following in found:
            number += 1
            item = _item(file, current.body, following.begin - following.blank, number)
            yield Scanned(item, current.begin, following.begin)
            current = following

    def is_item_end(self, file: GrowingFile, offset: int) -> bool:
        """Tell whether a separator follows; else the last mail had been written only in part."""
        line = first_line(file, offset)
        return file.read_at(line, 5) == b"From " and next(separators(file, line)).begin == line


def _item(file: GrowingFile, body: int, end: int, number: int) -> Upsert | Failure:
    place = f"mail {number}"
    size = end - body
    if size > MESSAGE_LIMIT:
        reason = f"mail of {size:,} bytes; the limit is {MESSAGE_LIMIT:,}"
        return Failure("message", place, reason, retryable=False)
    message = file.read_at(body, size)
    if not message.strip():
        return Failure("message", place, "empty mail", retryable=False)
    return mail_upsert(unquoted(message), place)
