"""Reads a Slack export archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opsintel.connectors.contract import Failure, Upsert
from opsintel.connectors.files.parts import Part, PartsConnector
from opsintel.connectors.files.text import plain
from opsintel.connectors.slack.parse import users_of
from opsintel.connectors.slack_export.archive import Archive
from opsintel.connectors.slack_export.manifest import MANIFEST
from opsintel.connectors.slack_export.parse import (
    CHANNEL_LISTS,
    DAY_FILE,
    channels_of,
    messages_of,
    unlisted_channel,
)
from opsintel.errors import InputError, ItemError

_USERS = "users.json"


class SlackExportConnector(PartsConnector):
    """Messages of an export, a day file of a channel at a time."""

    manifest = MANIFEST

    def inspect(self) -> None:
        """Raise `InputError` unless the path is a complete zip with channel lists or day files."""
        if not self.path.is_file():
            found = "is no file" if self.path.exists() else "does not exist"
            raise InputError(f"{self.path} {found}", remedy="Give the path of the export's zip file")
        with Archive(self.path) as archive:
            if not is_export(archive):
                raise InputError(
                    f"{self.path} is no Slack export: it holds no channels.json",
                    remedy="Give the zip as Slack's export page delivers it",
                )

    @contextmanager
    def open_parts(self) -> Iterator[_Export]:
        """Yield the export with its users and channels read."""
        with Archive(self.path) as archive:
            yield _Export(archive)


def is_export(archive: Archive) -> bool:
    """Tell whether an archive is a Slack export."""
    return any(name in archive.members for name in CHANNEL_LISTS)


class _Export:
    """An opened export. Its lists are parts too: they hold no message, but may fail."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._faults: dict[str, str] = {}
        self._users = users_of(self._listed(_USERS))
        self._channels: dict[str, dict[str, Any]] = {}
        for name in CHANNEL_LISTS:
            self._channels |= channels_of(name, self._listed(name))
        self._names = {channel["id"]: channel["name"] for channel in self._channels.values() if not channel["is_im"]}

    def parts(self) -> Sequence[Part]:
        """Return the lists and day files; one whose checksum differs is read again."""
        return sorted(
            Part(f"{plain(name)}|{member.CRC:08x}|{member.file_size}", name, member.file_size)
            for name, member in self._archive.members.items()
            if name == _USERS or name in CHANNEL_LISTS or DAY_FILE.match(name)
        )

    def read_part(self, part: Part) -> Iterator[Upsert | Failure]:
        """Yield the messages of a day file."""
        day_file = DAY_FILE.match(part.name)
        if day_file is None:
            if part.name in self._faults:
                yield Failure("file", plain(part.name), self._faults[part.name], retryable=False)
            return
        try:
            value = self._archive.read_json(part.name)
        except ItemError as error:
            yield Failure("file", plain(part.name), plain(error.line()), retryable=False)
            return
        folder = day_file.group(1)
        channel = self._channels.get(folder) or unlisted_channel(folder)
        yield from messages_of(part.name, value, channel, self._users, self._names)

    def _listed(self, name: str) -> object:
        if name not in self._archive.members:
            return []
        try:
            value = self._archive.read_json(name)
        except ItemError as error:
            self._faults[name] = plain(error.line())
            return []
        if not isinstance(value, list):
            self._faults[name] = "no list"
        return value
