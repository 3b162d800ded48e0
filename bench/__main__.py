"""`python -m bench [ROW ...]`: measure all rows, or those named, print the table, keep bench/results.json."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.registry import all_rows
from bench.results import keep_result, read_results
from bench.table import markdown
from bench.workplace import Workplace, open_workplace

LONGEST_SECONDS = 3600.0
"""A row that takes longer is stopped and reported as not measured."""

app = typer.Typer(add_completion=False)


@app.command()
def bench(
    rows: Annotated[list[str] | None, typer.Argument(help="Rows to measure; all when none is named")] = None,
    list_rows: Annotated[bool, typer.Option("--list", help="Print the rows and end")] = False,
    table: Annotated[bool, typer.Option("--table", help="Print the results kept and end")] = False,
) -> None:
    """Measure rows of docs/performance.md, each in a process of its own, and print what was found."""
    known = {row.name: row.title for row in all_rows()}
    unknown = [name for name in rows or [] if name not in known]
    if unknown:
        raise typer.BadParameter(f"there is no row '{unknown[0]}'; --list names them all")
    chosen = rows or list(known)
    if list_rows:
        for name in chosen:
            print(f"{name:<16} {known[name]}")
        return
    results = {name: found for name, found in read_results().items() if table and name in chosen}
    if not table:
        with open_workplace() as workplace:
            for name in chosen:
                results[name] = measure(name, known[name], workplace)
    print(markdown(results))
    if any("failed" in result for result in results.values()):
        raise typer.Exit(1)


def measure(name: str, title: str, workplace: Workplace) -> dict[str, Any]:
    """Measure one row and keep its result; one whose process fails is kept as not measured, with the reason."""
    print(f"{name}: {title} ...", file=sys.stderr, flush=True)
    began, load = time.monotonic(), os.getloadavg()[0]
    found = _in_child(name, workplace.folder)
    seconds = time.monotonic() - began
    print(f"{name}: {found.get('reason', 'measured')} ({seconds:.0f} s)", file=sys.stderr, flush=True)
    found |= {"seconds": round(seconds, 1), "load_before": round(load, 1)}
    return dict(keep_result(name, found)[name])


def _in_child(name: str, folder: Path) -> dict[str, Any]:
    output = folder / f"{name}.json"
    command = [sys.executable, "-m", "bench.child", name, str(folder), str(output)]
    try:
        ended = subprocess.run(command, check=False, timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        return {"failed": True, "reason": f"It did not end within {LONGEST_SECONDS:.0f} s"}
    if ended.returncode != 0 or not output.exists():
        return {"failed": True, "reason": f"Its process ended with exit code {ended.returncode}"}
    return dict(json.loads(output.read_text()))


if __name__ == "__main__":
    app()
