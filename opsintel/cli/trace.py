"""`opsintel trace`: where a trace has been."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError, NotFoundError

app = typer.Typer(add_completion=False)


@app.command()
def follow(
    trace_id: Annotated[str, typer.Argument(metavar="TRACE", help="32 hexadecimal digits, from a log line")],
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=100_000, help="Messages shown of each tenant, at most")
    ] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Show the work, the messages and the exported rows of a trace: ids, days and times, no content."""
    from opsintel.db.connect import open_database
    from opsintel.settings import load_settings
    from opsintel.tracing import TRACE_ID
    from opsintel.trail import trail_of

    if not TRACE_ID.fullmatch(trace_id):
        raise InputError(f"'{trace_id}' is no trace", remedy="Give the 32 hexadecimal digits of a log line's trace_id")
    with open_database(load_settings()) as database:
        trails = trail_of(database, trace_id, limit)
    if not trails:
        raise NotFoundError(
            f"Nothing is known of {trace_id}", remedy="Work that is done is kept for its retention only"
        )
    if as_json:
        print_json({"trace_id": trace_id, "tenants": [asdict(trail) for trail in trails]})
        return
    for trail in trails:
        typer.echo(f"{trail.tenant}: {len(trail.announced)} announced, {len(trail.work)} days in the ledger")
        for row in trail.work:
            typer.echo(f"  {row['day']}  {row['state']}  run {row['run_id'] or '-'}  {row['error']}".rstrip())
        for row in trail.messages:
            exported = f", exported {row['exported_at']:%Y-%m-%d %H:%M:%S}" if row["exported_at"] else ""
            typer.echo(
                f"  {row['source']} {row['native_id']}: message {row['message_id']}, issue {row['issue']}{exported}"
            )
