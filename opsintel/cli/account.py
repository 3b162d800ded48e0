"""`opsintel account`: who may log in to a tenant, and links for those whom no mail server reaches."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, get_args
from uuid import UUID

import typer

from opsintel.access.roles import Role
from opsintel.cli.main import print_json
from opsintel.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from opsintel.access.own_password import ResetLink
    from opsintel.db.engine import AsyncDatabase

app = typer.Typer(add_completion=False, no_args_is_help=True)

PASSWORD_BYTES = 12

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Address to log in with")]
OfTenant = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Short name of the tenant")]
AsRole = Annotated[str, typer.Option("--role", metavar="ROLE", help="owner, admin, analyst or viewer")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]


@app.command("add")
def add(email: Email, tenant: OfTenant, role: AsRole = "owner", as_json: AsJson = False) -> None:
    """Make an account, or give one that exists a role in a tenant; prints the password of a new one, once."""
    from opsintel.access.accounts import create_user, find_user
    from opsintel.context import open_context
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant

    chosen = _role(role)
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


@app.command("invite")
def invite(email: Email, tenant: OfTenant, role: AsRole = "viewer", as_json: AsJson = False) -> None:
    """Invite an address to a tenant and print the link: it works once and for seven days. An earlier one ends."""
    from opsintel.access import invitations, tenancies
    from opsintel.access.members import Giver, Rights
    from opsintel.access.operators import at_the_command_line
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    rights = Rights(_role(role))

    async def work(database: AsyncDatabase) -> invitations.Invited:
        found = await tenancies.find(database, tenant)
        return await invitations.invite(database, found, email, rights, Giver(at_the_command_line(), None))

    settings = load_settings()
    made = run_in_database(settings, work)
    _print_link(settings.page("invitation", made.token), made.email, as_json)


@app.command("link")
def link(
    invitation: Annotated[UUID, typer.Argument(metavar="ID", help="The invitation, as the API's log names it")],
    tenant: OfTenant,
    as_json: AsJson = False,
) -> None:
    """Print a new link of an invitation that was made in the dashboard; the earlier one is dead."""
    from opsintel.access import invitations, tenancies
    from opsintel.access.operators import at_the_command_line
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> invitations.Invited:
        found = await tenancies.find(database, tenant)
        return await invitations.renew(database, found, invitation, at_the_command_line())

    settings = load_settings()
    made = run_in_database(settings, work)
    _print_link(settings.page("invitation", made.token), made.email, as_json)


@app.command("reset")
def reset(
    account: Annotated[str, typer.Argument(metavar="EMAIL|ID", help="Address or id of the account")],
    as_json: AsJson = False,
) -> None:
    """Print a link that sets a new password: it works once and for an hour. Sessions end when it is used."""
    from opsintel.access import own_password
    from opsintel.access.operators import at_the_command_line
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> ResetLink | None:
        return await own_password.issue_reset(database, account, at_the_command_line())

    settings = load_settings()
    made = run_in_database(settings, work)
    if made is None:
        raise NotFoundError(f"There is no account '{account[:100]}'", remedy="Give its address or id")
    _print_link(settings.page("reset", made.token), made.email, as_json)


@app.command("unlink")
def unlink(email: Email) -> None:
    """Part an account from single sign-on: whoever signs on with its address next is linked anew, by the same rules."""
    from opsintel.access.operators import at_the_command_line
    from opsintel.access.single_sign_on import admission
    from opsintel.db.connect import run_in_database
    from opsintel.settings import load_settings

    async def work(database: AsyncDatabase) -> bool:
        return await admission.unlink(database, email, at_the_command_line())

    if not run_in_database(load_settings(), work):
        raise NotFoundError(f"There is no account '{email[:100]}' that single sign-on opens")
    typer.echo(f"{email} is unlinked; sessions that are open stay open")


def _role(name: str) -> Role:
    chosen = next((known for known in get_args(Role) if known == name), None)
    if chosen is None:
        raise InputError(f"'{name}' is no role", remedy=f"Choose one of {', '.join(get_args(Role))}")
    found: Role = chosen
    return found


def _print_link(link: str, email: str, as_json: bool) -> None:
    if as_json:
        print_json({"email": email, "link": link})
    else:
        typer.echo(f"Give {email} this link, by a way that nobody else reads:\n{link}")
