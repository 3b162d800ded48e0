"""`opsintel alert`: what of a tenant rests until somebody sees to it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from opsintel.cli.main import print_json
from opsintel.cli.tenant_context import opened
from opsintel.errors import one_line

app = typer.Typer(add_completion=False, no_args_is_help=True)

Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.command("list")
def list_alerts(
    tenant: Slug,
    every: Annotated[bool, typer.Option("--all", help="Those that are resolved as well")] = False,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=1000, help="Alerts shown")] = 50,
    as_json: AsJson = False,
) -> None:
    """List a tenant's alerts, open ones first, each with what to do."""
    from opsintel.alerts.store import alerts_of

    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        alerts = alerts_of(connection, limit, every=every)
    if as_json:
        print_json(alerts)
        return
    for alert in alerts:
        state = "resolved" if alert["resolved_at"] else "known" if alert["acknowledged_at"] else "open"
        name = f" {one_line(alert['name'])[:80]}" if alert["name"] else ""
        since = f"{alert['opened_at']:%Y-%m-%d %H:%M}"
        typer.echo(f"{alert['id']}  {since}  {state}  {alert['kind']}{name}: {alert['line']}")
    if not alerts:
        typer.echo("Nothing is open" if not every else "There is no alert")


@app.command("acknowledge")
def acknowledge_alert(
    alert: Annotated[UUID, typer.Argument(metavar="ALERT", help="Id that `list` shows")], tenant: Slug
) -> None:
    """Say that somebody knows of an alert: who was not told yet is not told any more."""
    from opsintel.access.audit import SYSTEM
    from opsintel.alerts.kinds import KINDS
    from opsintel.alerts.store import acknowledge

    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        acknowledge(connection, found.id, alert, list(KINDS), SYSTEM)
    typer.echo("It is known; it stays open until what it is about is mended")
