"""`opsintel import`: files of a person or another product, through the same stages as every source."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from opsintel.cli.main import print_json

app = typer.Typer(add_completion=False)


@app.command()
def import_path(
    path: Annotated[Path, typer.Argument(help="mbox, Maildir, folder of .eml, Slack export zip, CSV or JSONL")],
    tenant: Annotated[str, typer.Option(help="Short name of the tenant; made when it is not there")],
    kind: Annotated[str | None, typer.Option(help="Kind of source; found by content when not given")] = None,
    name: Annotated[str | None, typer.Option(help="Name shown to people; the file's name when not given")] = None,
    own_domain: Annotated[
        list[str] | None, typer.Option(help="E-mail domain or address of the tenant's own people (repeatable)")
    ] = None,
    process: Annotated[
        bool, typer.Option(help="Also run the stages here; otherwise a running `opsintel up` does")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Import PATH into a tenant. Importing a grown file again adds only what is new."""
    from opsintel.context import open_context
    from opsintel.settings import load_settings
    from opsintel_pipeline.ingest.files import import_file
    from opsintel_pipeline.worker.inline import process_waiting

    settings = load_settings()
    settings.require_secrets()
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with (
        open_context(settings) as context,
        Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress,
    ):
        reading = progress.add_task("reading", total=None)
        result = import_file(
            context, path, tenant, kind=kind, name=name, own_domains=tuple(own_domain or ()),
            progress=lambda count: progress.advance(reading, count),
        )  # fmt: skip
        processed = 0
        if process:
            working = progress.add_task("days processed", total=None)
            processed = process_waiting(context, progress=lambda: progress.advance(working, 1))
    if as_json:
        print_json({"tenant": tenant, **result, "processed_partitions": processed})
    else:
        console.print(
            f"{result['added']:,} added, {result['changed']:,} changed, {result['failures']:,} failed;"
            f" {processed:,} days processed",
            highlight=False,
        )
