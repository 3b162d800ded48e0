"""`opsintel up`: the whole product on your data folder and settings."""

from __future__ import annotations

import os
import signal
import sys
import threading

import typer

app = typer.Typer(add_completion=False)


@app.command()
def up() -> None:
    """Run database (unless DB_URL is given), API, dashboard, worker and Dagster until Ctrl-C."""
    from opsintel.stack import running_stack

    stop = stop_on_signals()
    with running_stack(os.environ, tell) as stack:
        tell(f"dashboard  {stack.settings.dashboard_url}")
        tell(f"Dagster    http://127.0.0.1:{stack.ports.dagster}")
        tell(f"logs       {stack.settings.data_dir / 'logs'}")
        tell("Ctrl-C stops everything.")
        stack.watch(stop.is_set)
        tell("stopping ...")


def stop_on_signals() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set; a second one interrupts at once."""
    stop = threading.Event()

    def note(number: int, frame: object) -> None:
        del frame
        if stop.is_set():
            signal.default_int_handler(number, None)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    return stop


def tell(line: str) -> None:
    """Write a line for people; standard output is for what was asked."""
    sys.stderr.write(line + "\n")
