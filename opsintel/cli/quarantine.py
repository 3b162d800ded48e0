"""`opsintel quarantine`: announcements that could not be consumed, and announcing them anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError, one_line

if TYPE_CHECKING:
    from opsintel.db.engine import Database
    from opsintel.queue.quarantine import Entry, Replay

app = typer.Typer(add_completion=False, no_args_is_help=True)

Found = TypeVar("Found")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]
SHOWN_CHARACTERS = 160


@app.command("list")
def list_entries(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Entries shown, the latest first")] = 100,
    replayed: Annotated[bool, typer.Option(help="Also those that were replayed")] = False,
    as_json: AsJson = False,
) -> None:
    """List what is in quarantine, each with its reason."""
    from opsintel.queue import quarantine

    found = _with_database(lambda database: quarantine.entries(database, limit, replayed=replayed))
    if as_json:
        print_json([_figures(entry) for entry in found])
    elif not found:
        typer.echo("Nothing is in quarantine")
    else:
        for entry in found:
            typer.echo(_line(entry))


@app.command("replay")
def replay_entries(
    entry: Annotated[list[UUID] | None, typer.Argument(help="Ids that `list` shows")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that nobody has replayed")] = False,
    as_json: AsJson = False,
) -> None:
    """Announce entries anew; what still cannot be read stays, and exit code 1 says so."""
    from opsintel.queue import quarantine

    if bool(entry) == everything:
        raise InputError("Name the entries to replay, or --all", remedy="`opsintel quarantine list` shows them")

    def replay(database: Database) -> list[Replay]:
        return [quarantine.replay(database, wanted) for wanted in entry or quarantine.waiting(database)]

    replays = _with_database(replay)
    if as_json:
        print_json([asdict(replay) for replay in replays])
    else:
        for done in replays:
            typer.echo(f"{done.id}  {'announced anew' if done.refused is None else f'stays: {done.refused}'}")
    if any(done.refused is not None for done in replays):
        raise typer.Exit(1)


def _with_database(work: Callable[[Database], list[Found]]) -> list[Found]:
    from opsintel.db.connect import open_database
    from opsintel.settings import load_settings

    with open_database(load_settings()) as database:
        return work(database)


def _figures(entry: Entry) -> dict[str, Any]:
    return asdict(entry) | {"payload": entry.payload.decode("utf-8", "backslashreplace")}


def _line(entry: Entry) -> str:
    payload = one_line(entry.payload.decode("utf-8", "backslashreplace"))[:SHOWN_CHARACTERS]
    replayed = f", replayed {entry.replayed_at:%Y-%m-%d %H:%M}" if entry.replayed_at else ""
    return (
        f"{entry.id}  {entry.reason}: {entry.detail}\n"
        f"    tenant {entry.tenant or '-'}, seen {entry.seen}, {entry.first_seen_at:%Y-%m-%d %H:%M}"
        f" to {entry.last_seen_at:%Y-%m-%d %H:%M} UTC{replayed}\n    {payload}"
    )
