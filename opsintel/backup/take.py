"""`opsintel backup`: what an installation keeps, into a folder of back-ups, while it runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from opsintel.backup import dumps, manifest
from opsintel.backup import receipt as receipts
from opsintel.backup.objects import OBJECT_LIST, copy_objects, objects_in, referenced_keys, size_of
from opsintel.backup.receipt import Receipt
from opsintel.backup.repository import Backup, Repository
from opsintel.clock import now
from opsintel.context import Context
from opsintel.db.connect import DatabaseUrls, database_urls, embedded_server
from opsintel.db.embedded import ACCESS_FILE, ADMIN, CLUSTER
from opsintel.db.engine import Database
from opsintel.db.migrate import current_revision
from opsintel.db.server_programs import ServerPrograms, cause_of
from opsintel.errors import DatabaseError, InputError, StorageError
from opsintel.objects.store import open_objects
from opsintel.settings import Settings


def take_backup(settings: Settings, repository: Repository) -> Backup:
    """Back the installation up and return the finished back-up; what runs goes on meanwhile.

    Raises `InputError` where there is nothing yet, `StorageError` where there is no room, `DatabaseError` when the
    server refuses.
    """
    if settings.db_url is None and not (settings.data_dir / CLUSTER / "PG_VERSION").exists():
        raise InputError(
            f"There is nothing to back up in {settings.data_dir}", remedy="Check OPSINTEL_DATA_DIR and DB_URL"
        )
    with database_urls(settings) as urls, Database(urls.service, max_size=2) as database:
        context = Context(database, open_objects(settings), settings)
        with repository.new_backup() as folder:
            receipt = _receipt(context, urls)
            if settings.db_url is None:
                receipt = _copy_server(context, repository, folder, receipt)
            else:
                receipt = replace(receipt, files=dumps.take(urls, ServerPrograms(settings.data_dir), folder))
            receipt = _keep_objects(context, repository, folder, receipt)
            receipts.write(folder, receipt)
            name = folder.name.removesuffix(".part")
    return Backup(folder.with_name(name), receipt)


def _receipt(context: Context, urls: DatabaseUrls) -> Receipt:
    with context.database.system_tx() as connection:
        keys = connection.execute("SELECT DISTINCT master_key_id FROM data_key ORDER BY 1").fetchall()
        server = connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()
    assert server is not None
    moment = now().isoformat()
    return Receipt(
        kind="dump" if context.settings.db_url else "embedded",
        version=version("opsintel"),
        server=server[0],
        revision=current_revision(urls.migration)[0],
        began_at=moment,
        ended_at=moment,
        master_keys=[row[0] for row in keys],
        objects="here",
        object_count=0,
        object_bytes=0,
    )


def _copy_server(context: Context, repository: Repository, folder: Path, receipt: Receipt) -> Receipt:
    """Copy the embedded server's files while it runs, with the log that makes them whole."""
    data_dir = context.settings.data_dir
    server = embedded_server(context.settings)
    access = server.access()
    copy = folder / CLUSTER
    done = ServerPrograms(data_dir).client(
        "pg_basebackup", "--pgdata", str(copy), "--wal-method=stream", "--checkpoint=fast", "--no-password",
        "--manifest-checksums=SHA256", "--host=127.0.0.1", f"--port={access.port}", f"--username={ADMIN}",
        environment={"PGPASSWORD": access.passwords[ADMIN]},
    )  # fmt: skip
    if done.returncode != 0:
        _refuse(cause_of(done), repository)
    shutil.copyfile(data_dir / ACCESS_FILE, folder / ACCESS_FILE)
    (folder / ACCESS_FILE).chmod(0o600)
    span = manifest.log_span(copy)
    beside = [folder / ACCESS_FILE, *(path for path in (copy / "pg_wal").iterdir() if path.is_file())]
    with context.database.system_tx() as connection:
        ended = connection.execute("SELECT clock_timestamp()").fetchone()
    assert ended is not None
    return replace(
        receipt,
        ended_at=ended[0].isoformat(),
        any_moment=_archives_to(context, repository),
        timeline=span.timeline,
        start=span.start,
        end=span.end,
        files={str(path.relative_to(folder)): receipts.digest(path) for path in beside},
    )


def _archives_to(context: Context, repository: Repository) -> bool:
    """Tell whether the running server archives its log beside this back-up."""
    with context.database.system_tx() as connection:
        row = connection.execute("SELECT current_setting('archive_mode')").fetchone()
    return row == ("on",) and context.settings.backup_dir == repository.root


def _refuse(cause: str, repository: Repository) -> None:
    if "No space left" in cause:
        raise StorageError(f"The disk of {repository.root} is full", remedy="Make room, then run this again")
    raise DatabaseError(f"The embedded PostgreSQL gave no copy: {cause}", remedy="Is it healthy? Try `opsintel doctor`")


def _keep_objects(context: Context, repository: Repository, folder: Path, receipt: Receipt) -> Receipt:
    """Copy what the repository lacks of the objects on disk; of those in a bucket, note which are needed."""
    settings = context.settings
    listed = folder / OBJECT_LIST
    with listed.open("w") as file:
        if settings.s3_bucket is None:
            store = settings.data_dir / "objects"
            copy_objects(store, repository.objects)
            file.writelines(f"{path.relative_to(store)}\n" for path in objects_in(store))
        else:
            count = sum(1 for key in referenced_keys(context) if file.write(f"{key}\n"))
    files = receipt.files | {OBJECT_LIST: receipts.digest(listed)}
    if settings.s3_bucket is None:
        count, size = size_of(repository.objects)
        return replace(receipt, object_count=count, object_bytes=size, files=files)
    return replace(receipt, objects=f"bucket {settings.s3_bucket}", object_count=count, files=files)
