"""The command `opsintel`: each command in a file of its own, loaded when it is used.

Errors of our family end a command with one line (what, and the remedy) and exit code 1; wrong usage with 2.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from opsintel.errors import OpsintelError

COMMANDS = {
    "up": ("opsintel.cli.up", "Run the whole product on your data folder and settings"),
    "demo": ("opsintel.cli.demo", "Run the whole product with its own sample"),
    "import": ("opsintel.cli.import_", "Import mbox, Maildir, .eml folder, Slack export, CSV or JSONL into a tenant"),
    "source": (
        "opsintel.cli.source",
        "Connect mailboxes, workspaces, help desks; check, read, count and pause them",
    ),
    "account": (
        "opsintel.cli.account",
        "Make accounts; print links of invitations and resets; part them from single sign-on",
    ),
    "operator": ("opsintel.cli.operator", "Make, list and revoke operators of the installation"),
    "analyst": ("opsintel.cli.analyst", "Logins that read a tenant's views by SQL: add, list, rotate, remove"),
    "backfill": ("opsintel.cli.backfill", "Run days of a tenant again, from a stage on"),
    "tenant": ("opsintel.cli.tenant", "Make, suspend or pause tenants; how long messages are kept"),
    "analyse": (
        "opsintel.cli.analyse",
        "Analyse days anew, at a price that is said before; try and promote versions",
    ),
    "taxonomy": ("opsintel.cli.taxonomy", "Categories that analyses choose from: list, show, use, set"),
    "review": ("opsintel.cli.review", "Analyses that a person is to look at: list, confirm, correct, skip"),
    "correct": ("opsintel.cli.correct", "Say what is right of a message where its analysis is wrong"),
    "learn": ("opsintel.cli.learn", "Rules proposed from corrections that repeat: show, accept, reject, undo"),
    "parse": ("opsintel.cli.parse", "Print the canonical message of each file"),
    "filter": ("opsintel.cli.filter", "Try filters on files; say what of them a provider evaluates"),
    "export": ("opsintel.cli.export", "Write a tenant's issues as CSV or XLSX, or all that is stored of a person"),
    "eval": ("opsintel.cli.eval", "Measure the product's own methods on labelled data"),
    "migrate": ("opsintel.cli.migrate", "Bring the database to the newest schema, or back"),
    "audit": ("opsintel.cli.audit", "Check that the audit log is what it was; anchor it outside of the database"),
    "key": ("opsintel.cli.key", "Keys to model providers: add, test, rotate, list, remove; their order and ceilings"),
    "alert": ("opsintel.cli.alert", "What rests until somebody sees to it: list, acknowledge"),
    "keys": ("opsintel.cli.keys", "Rotate the master key or a tenant's data key; say which keys are in use"),
    "erase": ("opsintel.cli.erase", "Erase a person or a tenant from every store"),
    "quarantine": ("opsintel.cli.quarantine", "Show announcements that could not be consumed; announce them anew"),
    "trace": ("opsintel.cli.trace", "Follow a trace from the page that was accepted to the rows that were exported"),
    "backup": ("opsintel.cli.backup", "Back up database, Dagster's database and objects into a folder"),
    "restore": ("opsintel.cli.restore", "Restore a back-up, also as of a moment after it"),
    "objects": ("opsintel.cli.objects", "Remove objects that nothing refers to"),
    "sim": (
        "opsintel.cli.sim",
        "Play the event plane with faults chosen by seeds, and judge the outcome",
    ),
    "doctor": ("opsintel.cli.doctor", "Check settings, servers, keys and permissions; say what to do"),
    "settings": ("opsintel.cli.settings", "List every setting with its meaning and fallback"),
    "dictionary": ("opsintel.cli.dictionary", "Print the data dictionary: every view and table with its columns"),
    "openapi": ("opsintel.cli.openapi", "Print the OpenAPI document of the read API"),
}


INTERRUPTED = 130


class LazyGroup(TyperGroup):
    """Imports a command's module only when that command is called, so that `opsintel --help` is fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name; None when there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = _plain(get_command(import_module(COMMANDS[cmd_name][0]).app))
        command.name = cmd_name
        command.short_help = COMMANDS[cmd_name][1]
        command.help = command.help or COMMANDS[cmd_name][1]
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


def _plain(command: Any) -> Any:
    """Return a command whose help has no boxes, as that of the group, and no Python types beside its arguments."""
    command.rich_markup_mode = None
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda **_: None
    for below in getattr(command, "commands", {}).values():
        _plain(below)
    return command


def show_version(asked: bool) -> None:
    """Print the version and end, where it was asked for."""
    if asked:
        typer.echo(f"opsintel {version('opsintel')}")
        raise typer.Exit


@app.callback()
def opsintel(
    asked_version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Operations intelligence: mail, chat and tickets become recurring issues."""
    del asked_version


def print_json(value: Any) -> None:
    """Write one JSON document on a line of standard output, for machines."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # the name of a file may hold any bytes, and not every terminal has every letter
        text = json.dumps(value, default=str)
    sys.stdout.write(text + "\n")


def main() -> None:
    """Run the command line and exit: 0 done, 1 an error with its remedy, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # What a person has to know a command says itself, once; the log lines of libraries and stages would repeat it.
    logging.disable(logging.ERROR)
    try:
        app()
    except OpsintelError as error:
        sys.exit(_report(error.line(), 1))
    except SystemExit as end:  # Typer turns Ctrl-C into this code, without a word
        if end.code == INTERRUPTED:
            _report("interrupted; running again goes on where it stopped", INTERRUPTED)
        raise
    except OSError as error:
        sys.exit(_report(f"{error.filename or 'the system'}: {error.strerror or error}", 1))


def _report(line: str, code: int) -> int:
    sys.stderr.write(f"opsintel: {line}\n")
    return code


if __name__ == "__main__":
    main()
