"""The objects of a back-up: immutable, and named by their own hash, so that a copy is checked by its name."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from opsintel.backup.receipt import damaged
from opsintel.context import Context
from opsintel.errors import StorageError
from opsintel.tenants import all_tenants

_HASH = re.compile(r"[0-9a-f]{64}")


def objects_in(folder: Path) -> Iterator[Path]:
    """Yield the objects of a folder, without what a killed process left half written."""
    for path in folder.glob("tenants/*/*/**/*"):
        if _HASH.fullmatch(path.name):
            yield path


def size_of(folder: Path) -> tuple[int, int]:
    """Return how many objects a folder has, and their bytes."""
    sizes = [path.stat().st_size for path in objects_in(folder)]
    return len(sizes), sum(sizes)


def copy_objects(source: Path, target: Path) -> None:
    """Copy the objects that the target lacks; `StorageError` for one whose bytes are not those of its name."""
    for path in objects_in(source):
        wanted = target / path.relative_to(source)
        if not wanted.exists():
            _copy(path, wanted, source)


def _copy(source: Path, target: Path, folder: Path) -> None:
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != source.name:
        raise damaged(folder, f"the object {source.name[:12]} is not what it was")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    incomplete = target.with_name(f"{target.name}.part")
    with incomplete.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    incomplete.replace(target)


def referenced_keys(context: Context) -> Iterator[str]:
    """Yield the key of every object that the database refers to."""
    for tenant in all_tenants(context.database):
        with context.database.tenant_tx(tenant.id) as connection:
            rows = connection.execute(
                "SELECT DISTINCT object_key FROM raw_payload WHERE object_key IS NOT NULL ORDER BY object_key"
            ).fetchall()
        yield from (row[0] for row in rows)


def require_referenced(context: Context) -> int:
    """Return how many objects the database refers to; `StorageError` when one of them is not there."""
    count = 0
    for key in referenced_keys(context):
        count += 1
        try:
            context.objects.get_range(key, 0, 1)
        except StorageError:
            raise StorageError(
                f"The database is restored, but the object {key} is missing",
                remedy="Restore the objects from where they are kept; with S3, from the bucket's earlier versions",
            ) from None
    return count
