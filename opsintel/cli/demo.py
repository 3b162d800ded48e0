"""`opsintel demo`: the whole product on embedded parts with its own sample."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Annotated, Any

import typer

from opsintel.cli.main import print_json
from opsintel.cli.up import stop_on_signals, tell
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import DatabaseError, FatalError
from opsintel.stack import Stack, answers, running_stack

app = typer.Typer(add_completion=False)

LONGEST_SECONDS = 900.0
POLL_SECONDS = 0.4


@app.command()
def demo(
    exit_when_done: Annotated[
        bool, typer.Option("--exit", help="End once every partition is materialised; 1 when something failed")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as one JSON document")] = False,
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port of dashboard and API")] = 8080,
    dagster_port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port of the Dagster UI")] = 3001,
) -> None:
    """Run everything with the sample of two invented companies, in a folder of its own, until Ctrl-C."""
    from opsintel.demo import demo_environment, demo_logins

    began = time.monotonic()
    stop = stop_on_signals()
    environment = demo_environment(os.environ, port, dagster_port)
    tell("starting ...")
    with running_stack(environment, tell, migrated=load_sample) as stack:
        tell(f"dashboard  {stack.settings.dashboard_url}")
        for login in demo_logins(stack.settings.data_dir):
            tell(f"           {login.email}  {login.password}")
        tell(f"Dagster    http://127.0.0.1:{dagster_port}")
        tell(f"logs       {stack.settings.data_dir / 'logs'}")
        with Database(stack.urls.service, max_size=2) as database:
            finished = Finished(stack, database, began)
            stack.watch(lambda: stop.is_set() or finished())
        if finished.summary:
            if as_json:
                print_json(finished.summary)
            tell("sample loaded: " + ", ".join(f"{value} {name}" for name, value in finished.summary.items()))
            if exit_when_done:
                raise typer.Exit(1 if finished.failed else 0)
        if not stop.is_set():
            tell("Ctrl-C stops everything.")
            stack.watch(stop.is_set)
        tell("stopping ...")


def load_sample(stack: Stack) -> None:
    """Make tenants and accounts and import the sample, by the same feed as `opsintel import`; again changes nothing.

    The worker starts only then, so that what belongs together is worked through together, killed in between or not.
    """
    from opsintel.demo import prepare_tenants, written_sample
    from opsintel.objects.store import open_objects
    from opsintel_pipeline.ingest.files import import_file

    with Database(stack.urls.service, max_size=4) as database:
        context = Context(database, open_objects(stack.settings), stack.settings)
        prepare_tenants(context, stack.settings.data_dir)
        for source in written_sample(stack.settings.data_dir):
            import_file(context, source.path, source.tenant_slug, name=source.name)


class Finished:
    """Whether every partition is worked through, and the dashboard there."""

    def __init__(self, stack: Stack, database: Database, began: float) -> None:
        self._stack = stack
        self._database = database
        self._began = began
        self._asked = 0.0
        self.summary: dict[str, Any] = {}
        self.failed = 0

    def __call__(self) -> bool:
        """Answer, looking at most every `POLL_SECONDS`; `FatalError` when it takes too long."""
        moment = time.monotonic()
        if moment - self._asked < POLL_SECONDS:
            return False
        self._asked = moment
        with suppress(DatabaseError):  # died, and is being started again
            if self._look():
                return True
        failing = self._stack.supervisor.failing(5)
        if failing or moment - self._began > LONGEST_SECONDS:
            who = f"{failing[0]} does not stay up" if failing else f"Not done after {LONGEST_SECONDS:.0f} s"
            raise FatalError(who, remedy=f"See the logs in {self._stack.settings.data_dir / 'logs'}")
        return False

    def _look(self) -> bool:
        from opsintel.queue.ledger import pending_count

        if not (self._stack.database_answers() and answers(self._stack.ports.api)) or pending_count(self._database):
            return False
        seconds = round(time.monotonic() - self._began, 1)
        self.summary, self.failed = summarize(self._database) | {"seconds": seconds}, _failed_work(self._database)
        return True


def summarize(database: Database) -> dict[str, Any]:
    """Return how much there is of everything: {tenants, messages, analyses, issues, failures, partitions}."""
    from opsintel.tenants import all_tenants

    tenants = all_tenants(database)
    totals = dict.fromkeys(("messages", "analyses", "issues", "failures", "partitions"), 0)
    for tenant in tenants:
        with database.tenant_tx(tenant.id) as connection:
            row = connection.execute(
                """
                SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM analysis WHERE current),
                       (SELECT count(*) FROM issue), (SELECT count(*) FROM ingest_failure WHERE resolved_at IS NULL),
                       (SELECT count(DISTINCT partition_day) FROM work WHERE state = 'done')
                """
            ).fetchone()
        assert row is not None
        for name, count in zip(totals, row, strict=True):
            totals[name] += count
    return {"tenants": len(tenants), **totals}


def _failed_work(database: Database) -> int:
    with database.system_tx() as connection:
        row = connection.execute("SELECT count(*) FROM work WHERE state = 'failed'").fetchone()
    assert row is not None
    return int(row[0])
