"""`opsintel export`: a tenant's issues as CSV, XLSX or a Google Sheet; what is stored of a person as a zip archive."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError, one_line

app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def export_issues(
    command: typer.Context,
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Short name of the tenant")] = "",
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write, ending in .csv or .xlsx")] = None,
    sheet: Annotated[str | None, typer.Option(metavar="ID", help="Id of a Google spreadsheet")] = None,
    worksheet: Annotated[
        str, typer.Option(metavar="TAB", help="Its tab; made when it is not there")
    ] = "opsintel issues",
    service_account: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON key of a Google service account; kept sealed")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Write a tenant's issues. A second export to a sheet with nothing new writes no cell."""
    if command.invoked_subcommand is not None:
        return
    if not tenant:
        raise typer.BadParameter("Name the tenant", param_hint="--tenant")
    if (to is None) == (sheet is None):
        raise InputError("Name one target", remedy="--to FILE.csv, --to FILE.xlsx, or --sheet ID")
    from opsintel.context import open_context
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant
    from opsintel_pipeline.act.files import write_file
    from opsintel_pipeline.act.rows import issue_rows
    from opsintel_pipeline.act.sheets.run import Target, export_target
    from opsintel_pipeline.act.targets import ensure_sheet

    settings = load_settings()
    settings.require_secrets()
    with open_context(settings) as context:
        found = find_tenant(context.database, tenant)
        writes = 0
        if to is not None:
            with context.database.tenant_tx(found.id) as connection:
                rows = issue_rows(connection, settings.dashboard_url)
            count = write_file(rows, to)
        else:
            assert sheet is not None
            key = service_account.read_bytes() if service_account else None
            target_id = ensure_sheet(context, found.id, sheet, worksheet, key)
            with context.database.tenant_tx(found.id) as connection:
                row = connection.execute(
                    "SELECT id, tenant_id, config, secret_id FROM export_target WHERE id = %s", (target_id,)
                ).fetchone()
            assert row is not None
            count, writes = export_target(context, Target(*row))
    if as_json:
        print_json({"tenant": tenant, "rows": count, "write_requests": writes})
    else:
        typer.echo(f"{count:,} issues written to {one_line(str(to or worksheet))}")


@app.command("person")
def export_person(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="E-mail address, or the id of a participant")],
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Short name of the tenant")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Zip file to write, for its owner's eyes only")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Write all that is stored of a person: JSON lines, originals of what they wrote, and a page to read."""
    from opsintel.access.audit import Actor, Entry, Subject, record
    from opsintel.cli.erase import OPERATOR, participant_of
    from opsintel.context import open_context
    from opsintel.ids import new_id
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant
    from opsintel_pipeline.erasure.resolve import person_of
    from opsintel_pipeline.person_export.archive import archive_of

    if out.suffix != ".zip":
        raise InputError(f"{one_line(str(out))} is no zip file", remedy="--out FILE.zip")
    participant = participant_of(address)
    with open_context(load_settings()) as context:
        found = find_tenant(context.database, tenant)
        person = person_of(
            context,
            found.id,
            address=None if participant else address,
            participants=[participant] if participant else [],
            leaves=False,
        )
        content, counts = archive_of(context, found.id, person)
        with context.database.tenant_tx(found.id) as connection:
            subject = Subject("person_export", str(new_id()))
            record(connection, Entry(found.id, Actor("operator", OPERATOR), "person.exported", subject))
    _write_private(out, content)
    if as_json:
        print_json({"tenant": tenant, "records": counts, "bytes": len(content)})
    else:
        typer.echo(f"{sum(counts.values()):,} records written to {one_line(str(out))}")


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else on the machine can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
