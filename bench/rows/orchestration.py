"""Orchestration: tenant-days a minute through all asset stages by batched runs, against one Dagster run a partition.

A real instance: daemon, code server, run queue and storage in PostgreSQL, configured as the product configures them.
Both sides get the same mailboxes and are timed from the creation of their first run to the end of their last.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from bench.mails import write_folder
from bench.measure import by_size, in_turns
from bench.peers.per_partition import JOB, PREFIX
from bench.report import Bound, Report, compared, grown
from bench.servers import free_port, running
from bench.stack import process
from bench.workplace import Installed, Workplace
from opsintel import stack
from opsintel.dagster_home import write_dagster_home
from opsintel.db.embedded import DAGSTER, SERVICE
from opsintel.db.migrate import sqlalchemy_url
from opsintel.errors import FatalError
from opsintel.ids import new_id
from opsintel_pipeline.ingest.files import import_file
from opsintel_pipeline.worker.inline import move_announcements

DAYS = 10
MAILS_A_DAY = 10
BATCHED = 100
SINGLY = 10
SIZES = (10, 100, 400)
ROUNDS = 3
LONGEST_SECONDS = 900.0
LOOK_SECONDS = 0.5
OURS, PEER = "batched runs", "one run a partition"
ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def run(workplace: Workplace) -> Report:
    """Measure tenant-days a minute by both ways, and the seconds of ours by number of tenant-days."""
    with workplace.installation() as installed, _dagster(workplace, installed) as instance:
        mails = workplace.scratch("tenant-mails")
        write_folder(mails, DAYS * MAILS_A_DAY, days=DAYS)
        contenders = {
            OURS: lambda: BATCHED / batched(installed, instance, mails, BATCHED) * 60,
            PEER: lambda: SINGLY / singly(installed, instance, mails, SINGLY) * 60,
        }
        values = in_turns(contenders, ROUNDS)
        costs = by_size(lambda size: batched(installed, instance, mails, size), SIZES, 1)
    what = f"{BATCHED} tenant-days of {MAILS_A_DAY} mails, {SINGLY} of the peer"
    return Report(
        [compared(what, "tenant-days/min", values, ours=OURS, peer=PEER, bound=Bound(10, 20))],
        [grown("batched runs by tenant-days", "s", costs, Bound(1.1, at_most=True))],
    )


def batched(installed: Installed, instance: DagsterInstance, mails: Path, tenant_days: int) -> float:
    """Return the seconds that the ledger's runs take for so many tenant-days."""
    before = _ended(instance, "drain")
    _import(installed, "batch-", mails, tenant_days)
    move_announcements(installed.context)
    _wait(lambda: _unfinished(installed) == 0 and len(_ended(instance, "drain")) == _count(instance, "drain"))
    return _span(instance, "drain", before)


def singly(installed: Installed, instance: DagsterInstance, mails: Path, tenant_days: int) -> float:
    """Return the seconds that a run for each partition takes for so many tenant-days."""
    before = _ended(instance, JOB)
    _import(installed, PREFIX, mails, tenant_days)
    _forget_announcements(installed)
    _wait(lambda: len(_ended(instance, JOB) - before) == tenant_days)
    return _span(instance, JOB, before)


@contextmanager
def _dagster(workplace: Workplace, installed: Installed) -> Iterator[DagsterInstance]:
    """Yield the instance, its daemon and code server running."""
    port = free_port()
    home = write_dagster_home(installed.context.settings, port)
    os.environ |= {
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_URL": sqlalchemy_url(workplace.access.url(DAGSTER, DAGSTER), "psycopg2"),
    }
    code_server = [
        "-m", "dagster", "api", "grpc", "-m", "bench.peers.per_partition", "-h", "127.0.0.1", "-p", str(port),
        "--location-name", "opsintel", "--log-level", "warning",
    ]  # fmt: skip
    daemon = ["-m", "dagster._daemon", "run", "-w", str(home / "workspace.yaml"), "--log-level", "warning"]
    environment = installed.environment | stack.ONE_THREAD
    with (
        DagsterInstance.get() as instance,
        running(code_server, environment, port, SERVICE, workplace.folder / "code-server.log"),
        process([sys.executable, *daemon], dict(os.environ)),
    ):
        yield instance


def _import(installed: Installed, prefix: str, mails: Path, tenant_days: int) -> None:
    """Bring the mails into as many new tenants as give so many tenant-days."""
    _forget_announcements(installed)
    for _ in range(tenant_days // DAYS):
        import_file(installed.context, mails, f"{prefix}{new_id().hex}", kind="eml_folder")


def _forget_announcements(installed: Installed) -> None:
    """Drop what was announced and not moved: the peer's partitions, and days that a run has touched besides its own."""
    with installed.context.database.system_tx() as connection:
        connection.execute("DELETE FROM outbox WHERE published_at IS NULL")


def _unfinished(installed: Installed) -> int:
    with installed.context.database.system_tx() as connection:
        row = connection.execute("SELECT count(*) FROM work WHERE state IN ('pending', 'batched')").fetchone()
    assert row is not None
    return int(row[0])


def _count(instance: DagsterInstance, job: str) -> int:
    return instance.get_runs_count(RunsFilter(job_name=job))


def _ended(instance: DagsterInstance, job: str) -> set[str]:
    """Return the ids of the runs of a job that have ended; `FatalError` when one of them failed."""
    runs = instance.get_runs(RunsFilter(job_name=job, statuses=ENDED))
    if failed := [run.run_id for run in runs if run.status != DagsterRunStatus.SUCCESS]:
        raise FatalError(f"Run {failed[0]} of {job} failed")
    return {run.run_id for run in runs}


def _span(instance: DagsterInstance, job: str, before: set[str]) -> float:
    """Return the seconds from the creation of the first to the end of the last run since `before`."""
    records = [
        record
        for record in instance.get_run_records(RunsFilter(job_name=job))
        if record.dagster_run.run_id not in before
    ]
    return max(record.end_time or 0 for record in records) - min(r.create_timestamp.timestamp() for r in records)


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise FatalError(f"The runs did not end within {LONGEST_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
