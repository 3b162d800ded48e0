"""`opsintel account`: who may log in to a tenant."""

from __future__ import annotations

import secrets
from typing import Annotated, get_args

import typer

from opsintel.access.roles import Role
from opsintel.cli.main import print_json
from opsintel.errors import InputError

app = typer.Typer(add_completion=False)

PASSWORD_BYTES = 12


@app.command()
def account(
    email: Annotated[str, typer.Argument(help="Address to log in with")],
    tenant: Annotated[str, typer.Option(metavar="NAME", help="Short name of the tenant")],
    role: Annotated[str, typer.Option(metavar="ROLE", help="owner, admin, analyst or viewer")] = "owner",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Make an account, or give one that exists a role in a tenant; prints the password of a new one, once."""
    from opsintel.access.accounts import create_user, find_user
    from opsintel.context import open_context
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    chosen = next((known for known in get_args(Role) if known == role), None)
    if chosen is None:
        raise InputError(f"'{role}' is no role", remedy=f"Choose one of {', '.join(get_args(Role))}")
    settings = load_settings()
    settings.require_secrets()
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    with open_context(settings) as context:
        found = find_tenant(context.database, tenant)
        is_new = find_user(context.database, email) is None
        create_user(context.database, email, email, password, found.id, chosen)
    if as_json:
        print_json({"email": email, "tenant": tenant, "role": role, "password": password if is_new else None})
    else:
        typer.echo(f"{email} is {role} of {tenant}" + (f", password {password}" if is_new else "; the password stays"))
