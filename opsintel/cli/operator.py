"""`opsintel operator`: who runs the installation by the API, and their tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli.main import print_json

if TYPE_CHECKING:
    from opsintel.access.operators import Operator
    from opsintel.db.engine import AsyncDatabase

app = typer.Typer(add_completion=False, no_args_is_help=True)

DAYS = 90

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name in the audit log, e.g. on-call")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.command("add")
def add(
    name: Name,
    days: Annotated[int, typer.Option(metavar="DAYS", help="How long the token is good")] = DAYS,
    as_json: AsJson = False,
) -> None:
    """Make an operator and print the token, once: it opens the routes of /v1/operator and no others."""
    from opsintel.access import operators
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> str:
        return await operators.add(database, name, timedelta(days=days), operators.at_the_command_line())

    token = run_in_database(load_settings(), work)
    if as_json:
        print_json({"name": name, "days": days, "token": token})
    else:
        typer.echo(f"{name} is an operator for {days:,} days. The token is shown once:\n{token}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the operators whose tokens are good."""
    from opsintel.access import operators
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> list[Operator]:
        return await operators.listed(database)

    found = run_in_database(load_settings(), work)
    if as_json:
        print_json([{"name": operator.name, "expires_at": operator.expires_at.isoformat()} for operator in found])
        return
    for operator in found:
        typer.echo(f"{operator.name}  until {operator.expires_at:%Y-%m-%d %H:%M} UTC")


@app.command("revoke")
def revoke(name: Name) -> None:
    """End an operator's token at once."""
    from opsintel.access import operators
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> None:
        await operators.revoke(database, name, operators.at_the_command_line())

    run_in_database(load_settings(), work)
    typer.echo(f"{name} is no operator any more")
