"""`opsintel tenant`: make, suspend and activate tenants, hold back their work, and how long messages are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError

if TYPE_CHECKING:
    from uuid import UUID

    from opsintel.access.tenancies import Tenancy
    from opsintel.db.engine import AsyncDatabase, Database
    from opsintel.tenants import Tenant

app = typer.Typer(add_completion=False, no_args_is_help=True)

LISTED = 10_000

Slug = Annotated[str, typer.Argument(metavar="TENANT", help="Short name of the tenant")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.command("create")
def create(
    tenant: Slug,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name shown to people; default: the short name")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a tenant; `opsintel account invite EMAIL --tenant TENANT --role owner` asks its first owner."""
    from opsintel.access import operators, tenancies
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> UUID:
        return await tenancies.create(database, tenant, name, operators.at_the_command_line())

    made = run_in_database(load_settings(), work)
    if as_json:
        print_json({"tenant": tenant, "id": str(made)})
    else:
        typer.echo(f"{tenant} is made")


@app.command("suspend")
def suspend(tenant: Slug, as_json: AsJson = False) -> None:
    """Close a tenant: its sessions end, nobody gets in, its work and polls wait. Nothing is lost."""
    _set_suspended(tenant, as_json, suspended=True)


@app.command("activate")
def activate(tenant: Slug, as_json: AsJson = False) -> None:
    """Open a suspended tenant again; its people log in anew, and its work goes on."""
    _set_suspended(tenant, as_json, suspended=False)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List tenants with counts and health; never their text."""
    from opsintel.access import tenancies
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> list[Tenancy]:
        return await tenancies.page(database, None, LISTED)

    found = run_in_database(load_settings(), work)
    if as_json:
        print_json([asdict(tenancy) for tenancy in found])
        return
    for tenancy in found:
        state = "suspended" if tenancy.suspended_at else "paused" if tenancy.paused_at else "active"
        typer.echo(
            f"{tenancy.slug}  {state}  {tenancy.members:,} members  {tenancy.messages:,} messages"
            f"  {tenancy.failing_sources:,} of {tenancy.sources:,} sources failing"
            f"  {tenancy.waiting_work:,} days waiting  {tenancy.failed_work:,} failed"
        )


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


@app.command("margin")
def margin(
    tenant: Slug,
    share: Annotated[
        float | None, typer.Argument(metavar="SHARE", help="From 0 to 1: how much accuracy a field may lose")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or set what a version may lose on the gold set and be promoted all the same."""
    from opsintel.access.audit import SYSTEM
    from opsintel.db.connect import open_database
    from opsintel.learning.promotion import margin_of, set_margin
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    with open_database(load_settings()) as database:
        found = find_tenant(database, tenant)
        if share is not None:
            set_margin(database, found.id, share, SYSTEM)
        with database.tenant_tx(found.id) as connection:
            held = margin_of(connection, found.id)
    if as_json:
        print_json({"tenant": tenant, "margin": held})
    else:
        typer.echo(f"A version of {tenant} may lose {held:g} of a field's accuracy and be promoted")


@app.command("sending")
def sending(
    tenant: Slug,
    notes: Annotated[bool | None, typer.Option("--notes/--no-notes", help="Whether models read internal notes")] = None,
    local_only: Annotated[
        bool | None, typer.Option("--local-only/--no-local-only", help="Whether no text leaves the operator's machines")
    ] = None,
    near_duplicates: Annotated[
        bool | None,
        typer.Option("--near-duplicates/--no-near-duplicates", help="Whether nearly equal messages share an analysis"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or set what models of a tenant may read, and where they may be; it holds from the next call on.

    Local only: models on servers of OPSINTEL_LOCAL_SERVERS and OLLAMA_BASE_URL alone, and no sheets are written.
    """
    from opsintel.access.audit import SYSTEM
    from opsintel.db.connect import open_database
    from opsintel.llm.keys import keys_of, model_servers
    from opsintel.llm.sending import Sending, idle, sending_of, set_sending
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    settings = load_settings()
    with open_database(settings) as database:
        found = find_tenant(database, tenant)
        with database.tenant_tx(found.id) as connection:
            held = sending_of(connection)
        wanted = Sending(
            held.sends_notes if notes is None else notes,
            held.local_only if local_only is None else local_only,
            held.shares_near_duplicates if near_duplicates is None else near_duplicates,
        )
        if wanted != held:
            set_sending(database, found.id, wanted, SYSTEM)
        with database.tenant_tx(found.id) as connection:
            names = [key.name for key in idle(keys_of(connection), wanted, model_servers(settings))]
    if as_json:
        print_json({"tenant": tenant, **asdict(wanted), "idle_keys": names})
        return
    typer.echo(f"Internal notes of {tenant} are {'sent' if wanted.sends_notes else 'not sent'} to models")
    typer.echo(
        f"Text of {tenant} {'stays on local servers' if wanted.local_only else 'may go to any model of its keys'}"
    )
    shared = "share an analysis" if wanted.shares_near_duplicates else "are each analysed"
    typer.echo(f"Nearly equal messages of {tenant} {shared}")
    if names:
        typer.echo(f"Not used: {', '.join(names)}")


def _set_suspended(tenant: str, as_json: bool, *, suspended: bool) -> None:
    from opsintel.access import operators, tenancies
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> None:
        found = await tenancies.find(database, tenant)
        change = tenancies.suspend if suspended else tenancies.activate
        await change(database, found, operators.at_the_command_line())

    run_in_database(load_settings(), work)
    if as_json:
        print_json({"tenant": tenant, "suspended": suspended})
    else:
        typer.echo(f"{tenant} is suspended: nobody gets in" if suspended else f"{tenant} is active")


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
