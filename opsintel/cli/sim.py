"""`opsintel sim`: the event plane in one process, with faults chosen by seeds, judged by what became of everything."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from opsintel.cli.main import print_json
from opsintel.errors import InputError

if TYPE_CHECKING:
    from opsintel_pipeline.simulation.world import Played

app = typer.Typer(add_completion=False)

SHOWN = 20
"""Seeds with violations that are named, at most."""


@app.command()
def simulate(
    seeds: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many seeds to play")] = 100,
    seed: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="The first of them")] = 0,
    trace: Annotated[bool, typer.Option("--trace", help="Print every step of the first seed, play no other")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Play the event plane on a database of its own; exit code 1 when anything is lost, done twice or stuck.

    A seed decides every fault: the same seed, the same steps.
    """
    from opsintel_pipeline.simulation.installation import temporary_installation
    from opsintel_pipeline.simulation.world import play

    if trace and as_json:
        raise InputError("--trace and --json exclude each other", remedy="Give one of them")
    logging.disable(logging.CRITICAL)
    begun = time.monotonic()
    with temporary_installation() as installation:
        wanted = range(seed, seed + (1 if trace else seeds))
        shown = track(wanted, "Playing", console=Console(stderr=True), disable=not sys.stderr.isatty())
        played = [play(installation, number) for number in shown]
    if trace:
        typer.echo("\n".join(played[0].trace))
    figures = _figures(played, time.monotonic() - begun)
    if as_json:
        print_json(figures)
    else:
        typer.echo(_readable(figures))
    if figures["violations"]:
        raise typer.Exit(1)


def _figures(played: list[Played], seconds: float) -> dict[str, Any]:
    faults: Counter[str] = sum((one.faults for one in played), Counter())
    violating = {one.seed: one.violations for one in played if one.violations}
    return {
        "seeds": len(played),
        "violations": sum(map(len, violating.values())),
        "violating_seeds": dict(list(violating.items())[:SHOWN]),
        "messages": sum(one.messages for one in played),
        "faults": dict(faults.most_common()),
        "seconds": round(seconds, 1),
    }


def _readable(figures: dict[str, Any]) -> str:
    faults = ", ".join(f"{count} × {kind}" for kind, count in figures["faults"].items())
    lines = [
        f"{figures['seeds']} seeds, {figures['messages']} messages, {figures['violations']} violations",
        f"faults: {faults or 'none'}",
    ]
    for seed, violations in figures["violating_seeds"].items():
        lines += [f"seed {seed}: {violation}" for violation in violations]
    return "\n".join(lines)
