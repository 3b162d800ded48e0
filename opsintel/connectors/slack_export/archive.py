"""A zip opened with care: names that lead out of it are ignored, members that would burst are refused."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from opsintel.connectors.files.growing import unreadable
from opsintel.errors import InputError, ItemError

MEMBER_LIMIT = 64 * 1024 * 1024
"""Bytes of one member, unpacked."""
RATIO_LIMIT = 200
"""Times a member may be larger unpacked, from 1 MB on: text packs to a tenth or twentieth, a bomb to a thousandth."""
_RATIO_FROM = 1024 * 1024
_MEMBERS_LIMIT = 500_000


class Archive:
    """The readable members of a zip by name, without the one folder that re-packing often puts around them."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise unreadable(path, error) from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise InputError(
                f"{path} is no complete zip file: {error}", remedy="Download or copy it again; it may be truncated"
            ) from error
        entries = self._zip.infolist()
        if len(entries) > _MEMBERS_LIMIT:
            raise InputError(f"{path} has {len(entries):,} members; the limit is {_MEMBERS_LIMIT:,}", remedy="Split it")
        safe = [entry for entry in entries if not entry.is_dir() and _is_inside(entry.filename)]
        base = _wrapping_folder([entry.filename for entry in safe])
        self.members = {entry.filename.removeprefix(base): entry for entry in safe}
        # Members may overlap in the file, so that each alone looks harmless.
        unpacked = sum(entry.file_size for entry in self.members.values() if not _refusal(entry))
        if unpacked > max(MEMBER_LIMIT, RATIO_LIMIT * path.stat().st_size):
            raise InputError(
                f"{path} would unpack to {unpacked:,} bytes, more than {RATIO_LIMIT} times its own",
                remedy="It is refused as a zip bomb; download the export again",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    def read_json(self, name: str) -> Any:
        """Return the JSON value of a member. Raises `ItemError` where it is damaged, too large, or no JSON."""
        member = self.members[name]
        refusal = _refusal(member)
        if refusal:
            raise ItemError(refusal)
        try:
            # The sizes above are only claimed: no more than that is unpacked, and with more in it the checksum differs.
            with self._zip.open(member) as stream:
                content = stream.read(member.file_size)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise ItemError(f"damaged in the archive: {error}") from error
        except (RuntimeError, NotImplementedError) as error:
            raise ItemError(f"cannot be unpacked: {error}") from error
        try:
            return json.loads(content)
        except RecursionError as error:
            raise ItemError("not JSON: nested too deeply") from error
        except ValueError as error:
            raise ItemError(f"not JSON: {error}") from error


def _refusal(member: zipfile.ZipInfo) -> str:
    """Return why a member is not unpacked, '' where it is."""
    if member.file_size > MEMBER_LIMIT:
        return f"{member.file_size:,} bytes unpacked; the limit is {MEMBER_LIMIT:,}"
    if member.file_size > _RATIO_FROM and member.file_size > RATIO_LIMIT * max(member.compress_size, 1):
        return f"packed more than {RATIO_LIMIT} times: refused as a zip bomb"
    return ""


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and ":" not in path.parts[0] if path.parts else False


def _wrapping_folder(names: list[str]) -> str:
    """Return `folder/` where channels.json or users.json lie in one folder and not at the top, else nothing."""
    tops = [name for name in names if PurePosixPath(name).name in ("channels.json", "users.json")]
    shortest = min(tops, key=lambda name: (name.count("/"), name), default="")
    return shortest[: shortest.rfind("/") + 1] if shortest.count("/") == 1 else ""
