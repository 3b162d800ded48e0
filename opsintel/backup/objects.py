"""The objects of a back-up: immutable, and named by their own hash, so that a copy is checked by its name."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from opsintel.backup import receipt
from opsintel.backup.receipt import damaged
from opsintel.context import Context
from opsintel.errors import StorageError
from opsintel.objects.collect import KEPT_KINDS, LEAST_GRACE, REFERENCES
from opsintel.objects.store import kind_of

OBJECT_LIST = "objects.txt"
"""File of a back-up that names the objects it needs."""

_HASH = re.compile(r"[0-9a-f]{64}")


def objects_in(folder: Path) -> Iterator[Path]:
    """Yield the objects of a folder, without what a killed process left half written."""
    for path in folder.glob("tenants/*/*/**/*"):
        if _HASH.fullmatch(path.name):
            yield path


def anchors_in(folder: Path) -> Iterator[Path]:
    """Yield the anchors of the audit log: they are signed, each names the one before, and none is written again."""
    yield from folder.glob("audit/anchors/*.json")


def size_of(folder: Path) -> tuple[int, int]:
    """Return how many objects a folder has, and their bytes."""
    sizes = [path.stat().st_size for path in objects_in(folder)]
    return len(sizes), sum(sizes)


def copy_objects(source: Path, target: Path) -> None:
    """Copy the objects and anchors that the target lacks.

    Raises `StorageError` for an object whose bytes are not those of its name.
    """
    for path in objects_in(source):
        wanted = target / path.relative_to(source)
        if not wanted.exists():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != path.name:
                raise damaged(source, f"the object {path.name[:12]} is not what it was")
            _write(content, wanted)
    for path in anchors_in(source):
        wanted = target / path.relative_to(source)
        if not wanted.exists():
            _write(path.read_bytes(), wanted)


def _write(content: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    incomplete = target.with_name(f"{target.name}.part")
    with incomplete.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    incomplete.replace(target)


def referenced_keys(context: Context) -> Iterator[str]:
    """Yield the key of every object that the database refers to."""
    with context.database.system_tx() as connection:
        tenants = connection.execute("SELECT id FROM tenant ORDER BY id").fetchall()
    named = " UNION ".join(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL" for table, column in REFERENCES)
    for (tenant_id,) in tenants:
        with context.database.tenant_tx(tenant_id) as connection:
            rows = connection.execute(f"{named} ORDER BY 1".encode()).fetchall()
        yield from (row[0] for row in rows)


def prune_copies(copies: Path, kept: Sequence[Path]) -> int:
    """Remove the copies that none of the kept back-ups needs, and return how many.

    What was put less than two days before the oldest of them stays: a page that was stored then may have come to be
    referred to later that day (opsintel/objects/collect.py). A back-up without a list needs them all.
    """
    lists = [folder / OBJECT_LIST for folder in kept]
    if not lists or not all(path.is_file() for path in lists):
        return 0
    needed = {line for path in lists for line in path.read_text().splitlines()}
    first = min(datetime.fromisoformat(receipt.read(folder).began_at) for folder in kept)
    before = (first - LEAST_GRACE).date().isoformat()
    removed = 0
    for path in objects_in(copies):
        key = str(path.relative_to(copies))
        if kind_of(key) == "raw" and key not in needed and key.split("/")[3] < before:
            path.unlink()
            removed += 1
    return removed


def remove_unreferenced(context: Context) -> int:
    """Remove from a restored object store what the restored database does not refer to, and return how many objects.

    Among the copies there are pages of people who were erased before the moment that is restored.
    """
    referenced, removed = set(referenced_keys(context)), 0
    for page in context.objects.pages_under("tenants/"):
        unknown = [one.key for one in page if one.key not in referenced and kind_of(one.key) not in KEPT_KINDS]
        context.objects.delete(unknown)
        removed += len(unknown)
    return removed


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
