"""`opsintel analyst`: logins that read a tenant's views by SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli.main import print_json

if TYPE_CHECKING:
    from opsintel.db.connect import DatabaseUrls
    from opsintel.db.engine import Database

app = typer.Typer(add_completion=False, no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the analyst: a to z, 0 to 9 and _")]
OfTenant = Annotated[str, typer.Option("--tenant", metavar="T", help="Short name of the tenant")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.command("add")
def add(
    name: Name,
    tenant: OfTenant,
    text: Annotated[bool, typer.Option("--text", help="Show texts and personal data too")] = False,
    valid_days: Annotated[
        int | None, typer.Option("--valid-days", metavar="N", help="Days after which the login ends by itself")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a login that reads the views of one tenant; prints its connection string, once."""
    from opsintel.access.analysts import add_analyst
    from opsintel.tenants import find_tenant

    with _opened() as (urls, database):
        found = find_tenant(database, tenant)
        address = add_analyst(urls, found, name, sees_text=text, valid_days=valid_days)
    _show(address, as_json)


@app.command("list")
def show(
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="T", help="Of this tenant alone")] = None,
    as_json: AsJson = False,
) -> None:
    """List analysts; never their passwords."""
    from opsintel.access.analysts import list_analysts
    from opsintel.tenants import find_tenant

    with _opened() as (urls, database):
        analysts = list_analysts(urls, find_tenant(database, tenant) if tenant else None)
    if as_json:
        print_json([asdict(analyst) for analyst in analysts])
        return
    for analyst in analysts:
        sees = "texts too" if analyst.sees_text else "no texts"
        until = f"until {analyst.valid_until:%Y-%m-%d}" if analyst.valid_until else "without end"
        typer.echo(f"{analyst.role_name}: {analyst.name} of {analyst.tenant}, {sees}, {until}")


@app.command("remove")
def remove(name: Name, tenant: OfTenant, as_json: AsJson = False) -> None:
    """Remove an analyst's login and end its sessions."""
    from opsintel.access.analysts import remove_analyst
    from opsintel.tenants import find_tenant

    with _opened() as (urls, database):
        found = find_tenant(database, tenant)
        remove_analyst(urls, found, name)
    if as_json:
        print_json({"tenant": tenant, "name": name, "removed": True})
    else:
        typer.echo(f"{name} of {tenant} is removed")


@app.command("rotate")
def rotate(name: Name, tenant: OfTenant, as_json: AsJson = False) -> None:
    """Give an analyst a new password; prints the connection string, once, and ends open sessions."""
    from opsintel.access.analysts import rotate_analyst
    from opsintel.tenants import find_tenant

    with _opened() as (urls, database):
        found = find_tenant(database, tenant)
        address = rotate_analyst(urls, found, name)
    _show(address, as_json)


def _show(address: str, as_json: bool) -> None:
    if as_json:
        print_json({"connection": address})
    else:
        typer.echo(address)


@contextmanager
def _opened() -> Iterator[tuple[DatabaseUrls, Database]]:
    """Yield the addresses of the database, and the database itself, migrated."""
    from opsintel.db.connect import database_urls
    from opsintel.db.engine import Database
    from opsintel.db.migrate import migrate
    from opsintel.settings import load_settings

    with database_urls(load_settings()) as urls:
        migrate(urls.migration, login=urls.login)
        with Database(urls.service, max_size=1) as database:
            yield urls, database
