"""`opsintel correct`: say what is right of a message where its analysis is wrong."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from opsintel.cli.main import print_json
from opsintel.cli.review import read_value
from opsintel.cli.tenant_context import opened

app = typer.Typer(add_completion=False)


@app.command()
def correct(
    message: Annotated[UUID, typer.Argument(metavar="MESSAGE", help="Id of the message")],
    field: Annotated[str, typer.Argument(metavar="FIELD", help="kind, category, severity, sentiment, impact, ...")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What is right; null: somebody has to act")],
    tenant: Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Correct a field of what was found in a message; it stands over every analysis to come."""
    from opsintel.access.audit import SYSTEM
    from opsintel.learning import correcting

    read = read_value(field, value)
    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        correction_id = correcting.correct(connection, found.id, SYSTEM, message, field, read, reason)
    if as_json:
        print_json({"correction": str(correction_id)})
    else:
        typer.echo(f"{field} is {value} from now on (correction {correction_id})")
