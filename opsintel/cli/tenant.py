"""`opsintel tenant`: hold back a tenant's work, let it flow again, and how long its messages are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError

if TYPE_CHECKING:
    from opsintel.db.engine import Database
    from opsintel.tenants import Tenant

app = typer.Typer(add_completion=False, no_args_is_help=True)

Slug = Annotated[str, typer.Argument(metavar="TENANT", help="Short name of the tenant")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.command("pause")
def pause(tenant: Slug, as_json: AsJson = False) -> None:
    """Hold back a tenant: its work and its polls wait, nothing is lost. What is under way ends."""
    _set_paused(tenant, as_json, paused=True)


@app.command("resume")
def resume(tenant: Slug, as_json: AsJson = False) -> None:
    """Let the work of a paused tenant flow again, from where it stopped."""
    _set_paused(tenant, as_json, paused=False)


@app.command("retention")
def retention(
    tenant: Slug,
    days: Annotated[int | None, typer.Option(metavar="DAYS", help="Days that messages are kept")] = None,
    for_ever: Annotated[bool, typer.Option("--for-ever", help="Keep them without end")] = False,
    as_json: AsJson = False,
) -> None:
    """Set how long a tenant's messages are kept; older ones are deleted once a day."""
    from opsintel.tenants import set_retention

    if (days is None) is not for_ever:
        raise InputError("Say how long messages are kept", remedy="--days 730, or --for-ever")
    _change(tenant, lambda database, found: set_retention(database, found.id, days))
    if as_json:
        print_json({"tenant": tenant, "retention_days": days})
    else:
        typer.echo(f"Messages of {tenant} are kept " + ("for ever" if days is None else f"for {days:,} days"))


def _set_paused(tenant: str, as_json: bool, *, paused: bool) -> None:
    from opsintel.tenants import set_paused

    _change(tenant, lambda database, found: set_paused(database, found.id, paused=paused))
    if as_json:
        print_json({"tenant": tenant, "paused": paused})
    else:
        typer.echo(f"{tenant} is paused: its work waits" if paused else f"{tenant} is not paused: its work flows")


def _change(slug: str, change: Callable[[Database, Tenant], None]) -> None:
    from opsintel.db.connect import open_database
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    with open_database(load_settings()) as database:
        change(database, find_tenant(database, slug))
