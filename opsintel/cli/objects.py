"""`opsintel objects`: the object store, and what in it nothing refers to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from opsintel.cli.main import print_json

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def objects() -> None:
    """Look after the object store."""


@app.command("collect")
def collect_objects(
    tenant: Annotated[
        str | None, typer.Option(metavar="TENANT", help="Short name of one tenant; all when not given")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and change nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Remove objects that nothing has referred to for OPSINTEL_OBJECT_GRACE_DAYS, as the schedule does every night."""
    from opsintel.context import open_context
    from opsintel.objects.collect import collect
    from opsintel.settings import load_settings
    from opsintel.tenants import all_tenants, find_tenant

    settings = load_settings()
    grace = timedelta(days=settings.object_grace_days)
    with open_context(settings) as context:
        chosen = [find_tenant(context.database, tenant)] if tenant else all_tenants(context.database)
        found = {one.slug: collect(context.database, context.objects, one.id, grace, dry_run=dry_run) for one in chosen}
    if as_json:
        print_json({slug: asdict(figures) for slug, figures in found.items()})
        return
    for slug, figures in found.items():
        typer.echo(
            f"{slug}: {figures.objects:,} objects, {figures.removed:,} {'would be ' if dry_run else ''}removed"
            f" ({figures.removed_bytes:,} bytes), {figures.waiting:,} more without a reference"
        )
