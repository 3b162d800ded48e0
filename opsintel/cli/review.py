"""`opsintel review`: the analyses that a person is to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from opsintel.cli.main import print_json
from opsintel.cli.tenant_context import opened
from opsintel.errors import InputError, one_line

if TYPE_CHECKING:
    from opsintel.learning.correcting import Value
    from opsintel.learning.review import Resolution

app = typer.Typer(add_completion=False, no_args_is_help=True)

Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
Item = Annotated[UUID, typer.Argument(metavar="ITEM", help="Id that `list` shows")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]

_LIST = (
    "SELECT item.id, item.message_id, item.reason, item.fields, item.detail, item.confidence, message.subject,"
    " shown.kind, shown.category, shown.severity FROM review_item AS item JOIN message ON message.id = item.message_id"
    " LEFT JOIN analysis AS shown ON shown.message_id = message.id AND shown.current"
    " WHERE item.state = 'open' ORDER BY item.rank, item.id LIMIT %s"
)


@app.command("list")
def list_items(
    tenant: Slug,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=1000, help="Items shown")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person, most urgent first, each with its reason."""
    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        cursor = connection.execute(_LIST, (limit,))
        names = [column.name for column in cursor.description or ()]
        items = [dict(zip(names, row, strict=True)) for row in cursor]
    if as_json:
        print_json(items)
        return
    for item in items:
        why = ", ".join([item["reason"], *item["fields"], *filter(None, [item["detail"]])])
        shown = f"{item['kind']}, {item['category'] or 'no category'}, severity {item['severity']}"
        typer.echo(f"{item['id']}  {why}: {shown}  {one_line(item['subject'])[:80]}")
    if not items:
        typer.echo("Nothing waits")


@app.command("confirm")
def confirm(item: Item, tenant: Slug) -> None:
    """Say that an analysis is right in all its fields."""
    from opsintel.learning.review import Resolution

    _resolve(tenant, item, Resolution("confirmed", {}))


@app.command("correct")
def correct_item(
    item: Item,
    values: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="What is right instead")],
    tenant: Slug,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why")] = "",
) -> None:
    """Say what is right instead, e.g. severity=2 kind=incident."""
    from opsintel.learning.review import Resolution

    pairs = [value.partition("=") for value in values]
    corrections = {field: read_value(field, value) for field, _, value in pairs}
    _resolve(tenant, item, Resolution("corrected", corrections, reason))


@app.command("skip")
def skip(item: Item, tenant: Slug) -> None:
    """Take an item out of the queue without a word on it."""
    from opsintel.learning.review import Resolution

    _resolve(tenant, item, Resolution("skipped", {}))


def read_value(field: str, value: str) -> Value:
    """Return a value as a field has it, from a command line; `InputError` for what it cannot be."""
    from opsintel.learning.corrections import CHOICES, fault_of

    if field not in CHOICES and field != "category":
        raise InputError(f"There is no field {field}", remedy=f"One of {', '.join((*CHOICES, 'category'))}")
    read: Value = int(value) if field == "severity" and value.isdecimal() else value
    if field == "not_actionable_reason" and value == "null":
        read = None
    if fault := fault_of(field, read):
        raise InputError(fault, remedy="Give one of its values")
    return read


def _resolve(slug: str, item: UUID, resolution: Resolution) -> None:
    from opsintel.access.audit import SYSTEM
    from opsintel.learning.review import resolve

    with opened(slug) as (context, tenant), context.database.tenant_tx(tenant.id) as connection:
        resolve(connection, tenant.id, SYSTEM, item, resolution)
    typer.echo(f"{item} is {resolution.verdict}")
