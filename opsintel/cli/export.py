"""`opsintel export`: a tenant's issues as CSV, XLSX or a Google Sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError, one_line

app = typer.Typer(add_completion=False)


@app.command()
def export_issues(
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Short name of the tenant")],
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
