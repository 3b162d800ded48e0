"""`opsintel analyse batches`: questions to models that wait, or waited, in batches of providers."""

from __future__ import annotations

from typing import Annotated

import typer

from opsintel.cli.main import print_json

LATEST = 100


def batches(
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Short name of the tenant")],
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """List batches that wait at providers, the latest first, and questions that wait for the next."""
    from opsintel.context import open_context
    from opsintel.llm.batch.listed import listed
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    with open_context(load_settings()) as context:
        found = find_tenant(context.database, tenant)
        with context.database.tenant_tx(found.id) as connection:
            gathered, rows = listed(connection, everything=everything, most=LATEST)
    if as_json:
        print_json({"gathered": gathered, "batches": [row.as_json() for row in rows]})
        return
    typer.echo(f"{gathered:,} questions wait for the next batch; batches: {len(rows):,}")
    for row in rows:
        since = f"{row.sent_at:%Y-%m-%d %H:%M}" if row.sent_at else "not sent"
        usd = "unknown" if row.usd is None else f"{row.usd:.4f} USD"
        typer.echo(
            f"  {row.id}  {row.provider} {row.model}  {row.state}  {row.answered:,} of {row.questions:,} answered,"
            f" {row.failed:,} failed  {since}  {usd}{'  ' + row.fault if row.fault else ''}"
        )
