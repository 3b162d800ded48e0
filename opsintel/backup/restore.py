"""`opsintel restore`: an installation as it was at the moment of a back-up, or at any later one that the log covers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opsintel.backup import dumps, manifest
from opsintel.backup import receipt as receipts
from opsintel.backup.objects import copy_objects, remove_unreferenced, require_referenced
from opsintel.backup.repository import Backup, Repository
from opsintel.context import Context, open_context
from opsintel.crypto.keyring import DESTROYED
from opsintel.crypto.master import master_key_id
from opsintel.db import wal
from opsintel.db.connect import database_urls, embedded_server
from opsintel.db.embedded import ACCESS_FILE, CLUSTER
from opsintel.db.recovery import recover
from opsintel.db.server_programs import MAJOR, ServerPrograms
from opsintel.errors import InputError, StorageError
from opsintel.queue.outbox import publish_again
from opsintel.settings import Settings

SPARE_BYTES = 256 << 20
"""Room beyond the files themselves, for replaying the log."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and whether the master key at hand opens its credentials."""

    backup: Backup
    to: datetime | None
    objects: int
    keys_missing: list[str]
    erased_again: int = 0
    """Erasures that are younger than what was restored, and were done again."""


EraseAgain = Callable[[Context], int]


def restore(
    settings: Settings, path: Path, to: datetime | None, erase_again: EraseAgain = lambda _context: 0
) -> Restored:
    """Restore into an empty data folder, or with `DB_URL` into empty databases, and return what was restored.

    `erase_again` does the erasures that the database does not know of and returns how many: before anything is served,
    and where it fails nothing is left in the data folder. Everything is checked before anything is written.

    Raises `InputError` for a folder that is not empty, a moment that cannot be reached or a back-up of another kind or
    version; `StorageError` for one that is damaged, or a full disk.
    """
    repository, chosen = Repository.of(path)
    backup = Backup(chosen, receipts.read(chosen)) if chosen else repository.newest(to)
    _require_usable(settings, backup, to)
    _require_empty(settings.data_dir)
    _verify(backup)
    try:
        _restore_objects(settings, repository, backup)
        if backup.receipt.kind == "embedded":
            _restore_server(settings, repository, backup, to)
        else:
            with database_urls(settings) as urls:
                dumps.load(urls, ServerPrograms(settings.data_dir), backup.folder)
        with open_context(settings) as context:
            publish_again(context.database)
            erased = erase_again(context)
    except BaseException:
        _clear(settings.data_dir)
        raise
    with open_context(settings) as context:
        objects = require_referenced(context)
        if settings.s3_bucket is None:
            remove_unreferenced(context)
    return Restored(backup, to, objects, _keys_missing(settings, backup), erased)


def _require_usable(settings: Settings, backup: Backup, to: datetime | None) -> None:
    receipt = backup.receipt
    if (receipt.kind == "embedded") != (settings.db_url is None):
        wanted = "Unset DB_URL" if receipt.kind == "embedded" else "Set DB_URL to an empty database"
        raise InputError(f"{backup.folder} is not of this kind of installation", remedy=wanted)
    if receipt.kind == "embedded" and receipt.server != MAJOR:
        raise InputError(
            f"{backup.folder} is of PostgreSQL {receipt.server}, the embedded server is {MAJOR}",
            remedy="Restore it with the version of opsintel that made it",
        )
    if to is None:
        return
    if receipt.kind == "dump":
        raise InputError(
            "A dump restores to its own moment only", remedy="Use the log archive of your server for any other"
        )
    if to < backup.ended_at:
        raise InputError(
            f"{backup.folder} restores to {receipt.ended_at} or later, not to {to.isoformat()}",
            remedy="Choose an older back-up",
        )
    if not receipt.any_moment:
        raise InputError(
            f"{backup.folder} restores to its own moment only: no log was kept",
            remedy="Leave --to away; with OPSINTEL_BACKUP_DIR set the log is kept",
        )


def _require_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"The data folder {folder} is not empty",
            remedy="Set OPSINTEL_DATA_DIR to a new folder, or move this one away",
        )


def _verify(backup: Backup) -> None:
    receipts.verify_files(backup.folder, backup.receipt)
    if backup.receipt.kind == "embedded":
        manifest.verify(backup.folder / CLUSTER)


def _restore_server(settings: Settings, repository: Repository, backup: Backup, to: datetime | None) -> None:
    archive = repository.wal if backup.receipt.any_moment else None
    gap = wal.first_gap(repository.wal, backup.start) if archive else None
    if gap and to is None:
        raise StorageError(
            f"The log in {repository.wal} has a gap: {gap}",
            remedy="Copy it again, or restore --to a moment before the gap",
        )
    server = embedded_server(settings)
    with server.prepared() as programs:
        _require_room(settings.data_dir, backup.folder / CLUSTER)
        cluster = settings.data_dir / f"{CLUSTER}.restoring"
        shutil.copytree(backup.folder / CLUSTER, cluster, symlinks=True)
        for place in (cluster, *cluster.rglob("*")):
            programs.give(place)
        try:
            recover(cluster, programs, archive, to, server.archive_options())
        except InputError as error:
            raise InputError(f"{error.message}{f' ({gap})' if gap else ''}", remedy=error.remedy) from None
        shutil.copyfile(backup.folder / ACCESS_FILE, settings.data_dir / ACCESS_FILE)
        (settings.data_dir / ACCESS_FILE).chmod(0o600)
        cluster.rename(settings.data_dir / CLUSTER)


def _clear(folder: Path) -> None:
    """Leave nothing of a restore that failed, so that it can be tried again."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _require_room(folder: Path, *sources: Path) -> None:
    needed = sum(f.stat().st_size for source in sources for f in source.rglob("*") if f.is_file()) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"The disk of {folder} has {free >> 20:,} MB free, and {needed >> 20:,} MB are needed",
            remedy="Make room, or set OPSINTEL_DATA_DIR to a larger disk",
        )


def _restore_objects(settings: Settings, repository: Repository, backup: Backup) -> None:
    if settings.s3_bucket is None and backup.receipt.objects == "here":
        objects = settings.data_dir / "objects"
        objects.mkdir(parents=True, mode=0o700)
        settings.data_dir.chmod(0o755)
        _require_room(settings.data_dir, repository.objects)
        copy_objects(repository.objects, objects)


def _keys_missing(settings: Settings, backup: Backup) -> list[str]:
    keys = [settings.master_key(), *settings.previous_keys()] if settings.master_encryption_key else []
    at_hand = {DESTROYED, *(str(master_key_id(key)) for key in keys)}
    return [key for key in backup.receipt.master_keys if key not in at_hand]
