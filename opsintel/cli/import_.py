"""`opsintel import`: files of a person or another product, through the same stages as every source."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from opsintel.cli.main import print_json
from opsintel.errors import FatalError, InputError, one_line

app = typer.Typer(add_completion=False)

SHOWN_FAILURES = 10
SHOWN_CHARACTERS = 200


def given_path(text: str) -> Path:
    """Return a path as it was given; an empty one, of a variable that is not set, is not the present folder."""
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)


@app.command()
def import_path(
    path: Annotated[
        Path,
        typer.Argument(
            parser=given_path,
            metavar="PATH",
            help="mbox, Maildir, folder of .eml, Slack export zip, CSV or JSONL",
        ),
    ],
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Short name of the tenant; made when it is not there")],
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="csv_file, eml_folder, jsonl, maildir, mbox or slack_export; found by content when not given",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name shown to people; the file's name when not given")
    ] = None,
    own_domain: Annotated[
        list[str] | None,
        typer.Option(metavar="DOMAIN", help="E-mail domain or address of the tenant's own people (repeatable)"),
    ] = None,
    poll: Annotated[
        int | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=7 * 86_400,
            help="Have a running stack read PATH again every so often from now on; 0 ends that",
        ),
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
    from opsintel_pipeline.ingest.retry import database_time, failed_days, failures_since, first_failure_of_all
    from opsintel_pipeline.worker.inline import process_waiting

    settings = load_settings()
    settings.require_secrets()
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with (
        open_context(settings) as context,
        Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress,
    ):
        began = database_time(context)
        reading = progress.add_task("reading", total=None)
        imported = import_file(
            context, path, tenant, kind=kind, name=name, own_domains=tuple(own_domain or ()),
            poll_seconds=poll,
            progress=lambda count: progress.advance(reading, count),
        )  # fmt: skip
        processed = 0
        if process:
            working = progress.add_task("days processed", total=None)
            processed = process_waiting(context, progress=lambda: progress.advance(working, 1))
        failures = failures_since(context, imported.source, began)
        given_up = failed_days(context, imported.source.tenant_id) if process else {}
        nothing = first_failure_of_all(context, imported.source, processed=process)
    if as_json:
        figures = imported.figures() | {"failures": len(failures)}
        print_json({"tenant": tenant, **figures, "processed_partitions": processed, "failed_partitions": len(given_up)})
    elif not nothing:
        typer.echo(
            f"{imported.added:,} added, {imported.changed:,} changed, {len(failures):,} failed;"
            f" {processed:,} days processed"
        )
        show_failures(failures)
    if given_up:
        day, reason = next(iter(given_up.items()))
        raise FatalError(
            f"{len(given_up):,} days could not be processed; {day}: {reason}",
            remedy="Once that is mended import the path again, and they are tried again",
        )
    if nothing:
        raise InputError(f"Nothing in {path} can be used; {nothing}", remedy="Mend it, then import it again")


def show_failures(failures: Sequence[tuple[str, str]]) -> None:
    """Print what failed and why, the first of many."""
    for key, reason in failures[:SHOWN_FAILURES]:
        typer.echo(f"  failed: {one_line(key)[:SHOWN_CHARACTERS]}: {one_line(reason)}")
    if len(failures) > SHOWN_FAILURES:
        typer.echo(f"  and {len(failures) - SHOWN_FAILURES:,} more; the dashboard's page of sources lists them")
