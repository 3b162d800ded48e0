"""Objects: raw payload pages on local disk or in S3, through one interface (obstore).

Keys are content-addressed within a tenant, so an object is never overwritten with something else and a put that is
repeated changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from opsintel.errors import StorageError
from opsintel.settings import Settings


class ObjectStore:
    """Immutable objects of tenants."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store

    def put(self, tenant_id: UUID, kind: str, content: bytes) -> str:
        """Store the bytes and return their key; the same bytes give the same key. Raises `StorageError`."""
        key = f"tenants/{tenant_id}/{kind}/{hashlib.sha256(content).hexdigest()}"
        try:
            self._store.put(key, content, mode="create")
        except AlreadyExistsError:
            return key
        except (BaseError, OSError) as error:
            raise StorageError(
                f"The object store refused a write: {_first_line(error)}", remedy="Is the disk full, the bucket there?"
            ) from None
        return key

    def get_range(self, key: str, offset: int, size: int) -> bytes:
        """Return `size` bytes of an object from `offset`. Raises `StorageError`."""
        if size == 0:
            return b""
        try:
            return bytes(self._store.get_range(key, start=offset, length=size))
        except (BaseError, OSError) as error:
            raise StorageError(f"The object {key} cannot be read: {_first_line(error)}") from None

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return several (offset, size) ranges of one object in one read."""
        wanted = list(ranges)
        if not wanted:
            return []
        start = min(offset for offset, _ in wanted)
        end = max(offset + size for offset, size in wanted)
        block = self.get_range(key, start, end - start)
        return [block[offset - start : offset - start + size] for offset, size in wanted]

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        try:
            self._store.delete(key)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise StorageError(f"The object {key} cannot be removed: {_first_line(error)}") from None


def open_objects(settings: Settings) -> ObjectStore:
    """Return the object store of the settings: S3 where a bucket is named, else the data folder."""
    if settings.s3_bucket:
        return ObjectStore(_s3(settings))
    store = _local(settings.data_dir / "objects")
    if settings.backup_dir:
        from opsintel.objects.mirror import MirroredObjectStore

        return MirroredObjectStore(store, _local(settings.backup_dir / "objects"))
    return ObjectStore(store)


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
    return S3Store(**config, client_options={"allow_http": allow_http, "timeout": "30s"})


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
