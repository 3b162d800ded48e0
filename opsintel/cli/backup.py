"""`opsintel backup`: everything that has to be kept, into a folder, while the product runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError

app = typer.Typer(add_completion=False)


@app.command()
def back_up(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Folder of back-ups; OPSINTEL_BACKUP_DIR when not given")
    ] = None,
    keep: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Remove all but the N newest back-ups afterwards")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Back up the database, Dagster's own, and the objects. The master key is never in it: keep it apart."""
    from opsintel.backup.repository import Repository
    from opsintel.backup.take import take_backup
    from opsintel.settings import load_settings

    settings = load_settings()
    root = (folder or settings.backup_dir or Path()).expanduser().absolute()
    if folder is None and settings.backup_dir is None:
        raise InputError("No folder is given", remedy="Name one, or set OPSINTEL_BACKUP_DIR")
    repository = Repository(root)
    backup = take_backup(settings, repository)
    removed = repository.prune(keep) if keep else 0
    if as_json:
        print_json({"path": str(backup.folder), **asdict(backup.receipt), "removed": removed})
        return
    receipt = backup.receipt
    typer.echo(
        f"{backup.folder}: restores to {receipt.ended_at}{' and any later moment' if receipt.any_moment else ''}"
    )
    where = f"{receipt.object_bytes >> 20:,} MB" if receipt.objects == "here" else f"in {receipt.objects}"
    typer.echo(f"{receipt.object_count:,} objects, {where}; {removed} older back-ups removed")
    for key in receipt.master_keys:
        typer.echo(f"needs the master key {key}, which is not in it")
