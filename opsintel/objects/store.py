"""Objects: raw payload pages on local disk or in S3, through one interface (obstore).

A key is made of the tenant, the day of the put and the hash of the content, so an object is never overwritten with
something else, and a put that is repeated changes nothing. As the day is part of it, a put never relies on an object
that was stored on an earlier day: what is collected after the grace period (opsintel/objects/collect.py) is older.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, S3Store

from opsintel.clock import today
from opsintel.errors import StorageError
from opsintel.settings import Settings

LISTED_TOGETHER = 1000
REQUEST_TIMEOUT = "20s"
CONNECT_TIMEOUT = "5s"
RETRIES = 4
RETRIED_FOR = timedelta(seconds=30)
"""A server that stays away longer fails the page, which is read again."""

LONGEST_KEY = 500
"""Bytes; S3 takes 1,024, and a disk 255 of each name."""
LONGEST_NAME = 200
_NAME = re.compile(r"(?!\.+\Z)[^\x00-\x1f\x7f-\x9f\\%:?\ud800-\udfff\u2024\u2215\u2044\uff0e\uff0f]+")
"""A name in a key: nothing that a disk, a server or an address reads as another path."""

_NOT_IMPLEMENTED = ("NotImplemented", "501")
_WHOLE = ("non-partial response",)
"""A server may answer a range with the whole object (RFC 9110 section 14.2)."""
_FULL = ("No space left", "os error 28", "File too large", "os error 27", "quota exceeded")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as a listing shows it."""

    key: str
    size: int


class ObjectStore:
    """Immutable objects of tenants. Every method raises `StorageError` when the store does not do it."""

    def __init__(self, store: LocalStore | S3Store, place: str = "the object store") -> None:
        """`place` is what people call it in messages."""
        self._store = store
        self._place = place
        self._takes_conditions = True

    def put(self, tenant_id: UUID, kind: str, content: bytes) -> str:
        """Store the bytes and return their key; the same bytes on the same day give the same key."""
        key = f"{_prefix(tenant_id)}{kind}/{today().isoformat()}/{hashlib.sha256(content).hexdigest()}"
        self.write(key, content)
        return key

    def write(self, key: str, content: bytes) -> None:
        """Store the bytes under the key that `put` gives them."""
        self._check(key)
        with self._translated("refused a write"):
            self._create(key, content)

    def _create(self, key: str, content: bytes) -> None:
        """Write an object unless it is there.

        A server that heeds no condition writes the same bytes once more, which harms nothing.
        """
        if self._takes_conditions:
            try:
                self._store.put(key, content, mode="create")
            except AlreadyExistsError:
                return
            except (NotSupportedError, BaseError) as error:
                if not isinstance(error, NotSupportedError) and not _says(error, _NOT_IMPLEMENTED):
                    raise
                self._takes_conditions = False
            else:
                return
        if not self._is_there(key):
            self._store.put(key, content)

    def _is_there(self, key: str) -> bool:
        try:
            self._store.head(key)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    def get_range(self, key: str, offset: int, size: int) -> bytes:
        """Return `size` bytes of an object from `offset`."""
        self._check(key)
        if size == 0:
            return b""
        with self._translated(f"cannot give the object {key}"):
            try:
                return bytes(self._store.get_range(key, start=offset, length=size))
            except GenericError as error:
                if not _says(error, _WHOLE):
                    raise
            return bytes(self._store.get(key).bytes())[offset : offset + size]

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return several (offset, size) ranges of one object in one read."""
        wanted = list(ranges)
        if not wanted:
            return []
        start = min(offset for offset, _ in wanted)
        end = max(offset + size for offset, size in wanted)
        block = self.get_range(key, start, end - start)
        return [block[offset - start : offset - start + size] for offset, size in wanted]

    def pages(self, tenant_id: UUID, kind: str = "") -> Iterator[list[Stored]]:
        """Yield the objects of a tenant, all or those of a kind, up to a thousand at a time."""
        yield from self.pages_under(_prefix(tenant_id) + (f"{kind}/" if kind else ""))

    def pages_under(self, prefix: str) -> Iterator[list[Stored]]:
        """Yield all objects of a folder of keys, up to a thousand at a time."""
        self._check(prefix.removesuffix("/"))
        with self._translated("cannot be listed"):
            for page in self._store.list(prefix, chunk_size=LISTED_TOGETHER):
                yield [Stored(item["path"], item["size"]) for item in page]

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; one that is not there is no error."""
        for key in keys:
            self._check(key)
        with self._translated("refused to remove objects"):
            for start in range(0, len(keys), LISTED_TOGETHER):
                try:
                    self._store.delete(list(keys[start : start + LISTED_TOGETHER]))
                except (NotFoundError, FileNotFoundError):
                    for key in keys[start : start + LISTED_TOGETHER]:
                        self._delete_one(key)

    def _delete_one(self, key: str) -> None:
        try:
            self._store.delete(key)
        except (NotFoundError, FileNotFoundError):
            return

    def remove_unfinished(self, tenant_id: UUID, before: datetime) -> int:
        """Remove what killed processes left half written on disk before a moment; returns how many files.

        obstore writes into a file beside the object and shows it to nobody. S3 keeps nothing of a write that was cut.
        """
        folder = self._store.prefix if isinstance(self._store, LocalStore) else None
        if folder is None:
            return 0
        removed = 0
        with self._translated("cannot be tidied"):
            for path in (Path(folder) / _prefix(tenant_id)).rglob("*#*"):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    removed += 1
        return removed

    def refuses_to_overwrite(self, tenant_id: UUID) -> bool:
        """Try whether the store writes, reads, and refuses to write an object again; leaves nothing behind."""
        key = self.put(tenant_id, "probe", b"probe")
        try:
            if self.get_range(key, 0, 5) != b"probe":
                raise StorageError(f"{self._place} gives other bytes than it took")
            with self._translated("refused a write"):
                try:
                    self._store.put(key, b"probe", mode="create")
                except AlreadyExistsError:
                    return True
                except (NotSupportedError, BaseError) as error:
                    if not isinstance(error, NotSupportedError) and not _says(error, _NOT_IMPLEMENTED):
                        raise
            return False
        finally:
            self.delete([key])

    def _check(self, key: str) -> None:
        """Raise `StorageError` for a key that might lead out of the place where objects lie."""
        names = key.split("/")
        size = len(key.encode("utf-8", "surrogatepass"))
        if size > LONGEST_KEY or any(len(name) > LONGEST_NAME or not _NAME.fullmatch(name) for name in names):
            raise StorageError(f"{self._place} has no such key: {key[:100]!r}", remedy="Keys are those that it gave")

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise StorageError(
                f"{self._place} {what}: {_first_line(error)}",
                remedy="Check OPSINTEL_S3_ACCESS_KEY_ID, OPSINTEL_S3_SECRET_ACCESS_KEY and what they may do",
            ) from None
        except (BaseError, OSError) as error:
            raise StorageError(f"{self._place} {what}: {_first_line(error)}", remedy=_remedy(error)) from None


def open_objects(settings: Settings) -> ObjectStore:
    """Return the object store of the settings: S3 where a bucket is named, else the data folder."""
    if settings.s3_bucket:
        return ObjectStore(_s3(settings), f"The bucket {settings.s3_bucket}")
    folder = settings.data_dir / "objects"
    if settings.backup_dir:
        from opsintel.objects.mirror import MirroredObjectStore

        return MirroredObjectStore(_local(folder), _local(settings.backup_dir / "objects"), f"The folder {folder}")
    return ObjectStore(_local(folder), f"The folder {folder}")


def kind_of(key: str) -> str:
    """Return the kind that an object of a tenant was put as; "" for one that is no tenant's."""
    parts = key.split("/")
    return parts[2] if parts[0] == "tenants" and len(parts) > 3 else ""


def _prefix(tenant_id: UUID) -> str:
    return f"tenants/{tenant_id}/"


def _local(folder: Path) -> LocalStore:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"The folder {folder} cannot be made: {error.strerror}", remedy="Set OPSINTEL_DATA_DIR to a folder of yours"
        ) from None
    return LocalStore(folder)


def _s3(settings: Settings) -> S3Store:
    config: dict[str, Any] = {"bucket": settings.s3_bucket, "region": settings.s3_region}
    if settings.s3_endpoint:
        config |= {"endpoint": settings.s3_endpoint, "virtual_hosted_style_request": False}
    if settings.s3_access_key_id and settings.s3_secret_access_key:
        config |= {
            "access_key_id": settings.s3_access_key_id,
            "secret_access_key": settings.s3_secret_access_key.get_secret_value(),
        }
    allow_http = (settings.s3_endpoint or "").startswith("http://")
    return S3Store(
        **config,
        client_options={"allow_http": allow_http, "timeout": REQUEST_TIMEOUT, "connect_timeout": CONNECT_TIMEOUT},
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRIED_FOR},
    )


def _remedy(error: Exception) -> str:
    if _says(error, _FULL):
        return "Make room on the disk; what was being stored is read again"
    if _says(error, ("NoSuchBucket",)):
        return "Make the bucket, or set S3_BUCKET to one that is there"
    return "Check S3_ENDPOINT and the server, or the data folder"


def _says(error: Exception, words: Sequence[str]) -> bool:
    return any(word in str(error) for word in words)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
