"""`opsintel erase`: a person or a tenant, from every store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError

if TYPE_CHECKING:
    from opsintel.context import Context

app = typer.Typer(add_completion=False, no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and change nothing")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]

OPERATOR = "command line"


@app.callback()
def erase() -> None:
    """Erase a person or a tenant; what comes of a person later is erased on arrival.

    A receipt says what was removed from which store, and which back-ups still hold it. It names nobody.
    """


@app.command("person")
def erase_person(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="E-mail address, or the id of a participant")],
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Short name of the tenant")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person with all their addresses: their messages, what others' messages say of them, who they are.

    Look first:  opsintel erase person ana@client.example --tenant acme --dry-run

    Then do it:  opsintel erase person ana@client.example --tenant acme
    """
    from opsintel.context import open_context
    from opsintel.people.requests import PERSON
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant
    from opsintel_pipeline.erasure.person import preview
    from opsintel_pipeline.erasure.resolve import person_of

    participant = participant_of(address)
    with open_context(load_settings()) as context:
        found = find_tenant(context.database, tenant)
        if dry_run:
            _show_counts(preview(context, found.id, None if participant else address, participant), as_json)
            return
        wanted: dict[str, Any] = {"participants": [str(participant)]} if participant else {"address": address}
        # What cannot be done is refused before anything is written.
        person_of(
            context,
            found.id,
            address=None if participant else address,
            participants=[participant] if participant else [],
        )
        _perform(context, found.id, PERSON, wanted, as_json)


@app.command("tenant")
def erase_tenant(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Short name of the tenant")],
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the short name once more")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a tenant with all it has; its audit chain stays, of opaque ids alone. This cannot be undone.

    Look first:  opsintel erase tenant acme --dry-run

    Then do it:  opsintel erase tenant acme

    In scripts:  opsintel erase tenant acme --yes --json
    """
    from opsintel.context import open_context
    from opsintel.people.requests import TENANT
    from opsintel.settings import load_settings
    from opsintel.tenants import find_tenant
    from opsintel_pipeline.erasure.tenant import preview_tenant

    with open_context(load_settings()) as context:
        found = find_tenant(context.database, tenant)
        if dry_run:
            _show_counts(preview_tenant(context, found.id), as_json)
            return
        if not yes and typer.prompt(f"Everything of {found.slug} goes. Its short name again", err=True) != found.slug:
            raise InputError("That is another name; nothing was changed", remedy="Type the tenant's short name")
        _perform(context, found.id, TENANT, {}, as_json)


@app.command("resume")
def resume(as_json: AsJson = False) -> None:
    """Go on with erasures that were interrupted; a running worker does that by itself, within minutes.

    Example:  opsintel erase resume
    """
    from opsintel.context import open_context
    from opsintel.people.requests import waiting_erasures
    from opsintel.settings import load_settings
    from opsintel_pipeline.erasure.run import perform

    with open_context(load_settings()) as context:
        receipts = [perform(context, *waiting) for waiting in waiting_erasures(context.database)]
    done = [receipt for receipt in receipts if receipt is not None]
    if as_json:
        print_json({"erasures": done})
        return
    for receipt in done:
        _print_receipt(receipt)
    if not done:
        typer.echo("Nothing waits; one that was interrupted is free five minutes after its last sign of life")


def _perform(context: Context, tenant_id: UUID, kind: str, wanted: dict[str, Any], as_json: bool) -> None:
    from opsintel.access.audit import Actor
    from opsintel.people.requests import TENANT, open_erasure, request_erasure
    from opsintel_pipeline.erasure.run import perform

    erasure_id = open_erasure(context.database, tenant_id, kind) if kind == TENANT else None
    if erasure_id is None:
        erasure_id = request_erasure(context.database, tenant_id, kind, wanted, Actor("operator", OPERATOR))
    receipt = perform(context, tenant_id, erasure_id)
    if receipt is None:
        typer.echo(f"Another process does it; it is the erasure {erasure_id}", err=as_json)
    elif as_json:
        print_json(receipt)
    else:
        _print_receipt(receipt)


def _show_counts(counts: Mapping[str, int], as_json: bool) -> None:
    from opsintel_pipeline.erasure.receipt import by_store

    stores = by_store(dict(counts))
    if as_json:
        print_json({"dry_run": True, "counts": counts, "stores": stores})
        return
    for store, count in stores.items():
        typer.echo(f"{store}: {count:,} would be removed or changed")


def _print_receipt(receipt: Mapping[str, Any]) -> None:
    typer.echo(f"Erasure {receipt['erasure']} ended at {receipt['finished_at']}")
    for store, count in receipt["stores"].items():
        typer.echo(f"{store}: {count:,} removed or changed")
    for sheet in receipt["sheets_left"]:
        typer.echo(f"the spreadsheet {sheet['spreadsheet']} could not be written: clear its rows by hand")
    for source in receipt.get("sources_naming", []):
        typer.echo(f"the settings of the source {source} name the person; what it brings is erased on arrival")
    for backup in receipt["backups"]:
        typer.echo(f"back-up {backup['backup']} still holds it until {backup['until']}")


def participant_of(text: str) -> UUID | None:
    """Return the id of a participant that was given instead of an address; None for an address."""
    try:
        return UUID(text)
    except ValueError:
        return None
