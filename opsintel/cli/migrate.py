"""`opsintel migrate`: the schema, forward and back, and the queues of the broker."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.errors import InputError

app = typer.Typer(add_completion=False)


@app.command()
def migrate_schema(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="head, base (removes everything), or a revision")
    ] = "head",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a step that removes data")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")] = False,
) -> None:
    """Bring the database to TARGET, one process at a time; with AMQP_URL also declare the queues."""
    from opsintel.db.connect import database_urls
    from opsintel.db.migrate import goes_back, migrate
    from opsintel.settings import load_settings

    settings = load_settings()
    with database_urls(settings) as urls:
        if not yes and goes_back(urls.migration, target):
            confirm_removal(target)
        reached = migrate(urls.migration, login=urls.login, target=target)
    if settings.amqp_url and target == "head":
        from opsintel.queue.rabbitmq import declare_queues

        declare_queues(settings.amqp_url)
    if as_json:
        print_json({"revision": reached})
    else:
        typer.echo(f"The schema is at {reached}")


def confirm_removal(target: str) -> None:
    """Ask a person at a terminal before data goes; `InputError` where there is nobody to ask."""
    what = "every table and all data" if target == "base" else "what later revisions brought"
    if not sys.stdin.isatty():
        raise InputError(f"Going back to {target} removes {what}", remedy="Give --yes to do it")
    typer.confirm(f"Going back to {target} removes {what}. Go on?", abort=True, err=True)
