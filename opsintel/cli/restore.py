"""`opsintel restore`: an installation as it was."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError

if TYPE_CHECKING:
    from opsintel.context import Context

app = typer.Typer(add_completion=False)


def given_moment(text: str) -> datetime:
    """Return the moment of a text; `InputError` for one that is none, or names no time zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901  refused below
    if moment.tzinfo is None:
        raise InputError(f"'{text}' is no moment with a time zone", remedy="Give one such as 2026-11-25T10:00:00Z")
    return moment


@app.command()
def restore_backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of back-ups, or one back-up in it")],
    to: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Moment to restore to, e.g. 2026-11-25T10:00:00Z; default: the latest"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Restore into an empty data folder (with DB_URL: into empty databases), and check what was restored."""
    from opsintel.access.audit_anchors import write_anchor
    from opsintel.backup.restore import restore
    from opsintel.context import open_context
    from opsintel.settings import load_settings
    from opsintel_pipeline.erasure.replay import replay

    def erase_again(context: Context) -> int:
        write_anchor(context, "restore")  # of the chains as they were restored, before anything is added to them
        return replay(context)

    settings = load_settings()
    restored = restore(settings, folder.expanduser().absolute(), given_moment(to) if to else None, erase_again)
    with open_context(settings) as context:
        write_anchor(context)
    if as_json:
        print_json(
            {
                "backup": str(restored.backup.folder),
                "to": restored.to,
                "objects": restored.objects,
                "erased_again": restored.erased_again,
                "master_keys_missing": restored.keys_missing,
            }
        )
        return
    typer.echo(f"Restored {restored.backup.folder} into {settings.db_url and 'DB_URL' or settings.data_dir}")
    typer.echo(f"{restored.objects:,} objects are there that the database refers to")
    typer.echo(f"{restored.erased_again:,} erasures that are younger than the back-up were done again")
    for key in restored.keys_missing:
        typer.echo(f"warning: credentials open with the master key {key} only; set MASTER_ENCRYPTION_KEY to it")
