"""`opsintel backfill` and `opsintel tenant`: the same jobs, ledger and stages as the API and Dagster use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from opsintel import context as opening
from opsintel.cli.backfill import app
from opsintel.clock import today
from opsintel.context import Context
from opsintel.errors import FatalError, InputError, NotFoundError
from opsintel.partitions import Partition, StageResult
from opsintel.settings import Settings
from opsintel.tenants import Tenant, set_paused
from opsintel_pipeline.analyze import run as analyze
from opsintel_pipeline.worker.inline import process_waiting
from tests.canonical import dump
from tests.pipeline.mailbox import import_mailbox, write_mailbox

DAYS_AGO = (3, 2, 1)


@pytest.fixture
def tenant(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A tenant whose mail is all processed; the command finds the test's installation."""

    @contextmanager
    def open_context(settings: Settings) -> Iterator[Context]:
        yield context

    monkeypatch.setattr(opening, "open_context", open_context)
    monkeypatch.setenv("JWT_SECRET", "sT7wQz1m-Ochre-9rVfKx2p-Kestrel-b4Yd")
    write_mailbox(tmp_path / "mails.mbox", DAYS_AGO)
    found = import_mailbox(context, tmp_path / "mails.mbox", "acme")
    process_waiting(context)
    return found


def backfill(*options: str, first: int = 2, last: int = 1, slug: str = "acme") -> Result:
    days = ["--from", str(today() - timedelta(days=first)), "--to", str(today() - timedelta(days=last))]
    return CliRunner().invoke(app, ["--tenant", slug, *days, *options])


def begun(context: Context, tenant: Tenant) -> list[tuple[object, ...]]:
    with context.database.tenant_tx(tenant.id) as connection:
        return connection.execute(
            "SELECT partition_day, first_stage, state FROM work WHERE reason = 'backfill' ORDER BY 1"
        ).fetchall()


class TestBackfill:
    def test_runs_the_days_again_from_the_stage_on_and_gives_the_same_rows(
        self, context: Context, tenant: Tenant
    ) -> None:
        before = dump(context.database, tenant)
        done = backfill("--from-stage", "analyses", "--wait", "--json")
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert (said["state"], said["days"], said["messages"], said["done"]) == ("done", 2, 8, 2)
        assert begun(context, tenant) == [(today() - timedelta(days=ago), "analyses", "done") for ago in (2, 1)]
        assert dump(context.database, tenant) == before

    def test_without_waiting_leaves_it_to_the_stack(self, context: Context, tenant: Tenant) -> None:
        said = json.loads(backfill("--json").stdout)
        assert (said["state"], said["done"]) == ("queued", 0)
        assert begun(context, tenant) == []
        process_waiting(context)
        assert len(begun(context, tenant)) == 2

    def test_a_job_that_fails_says_so(self, context: Context, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(context: Context, partition: Partition) -> StageResult:
            raise FatalError("the rules choked")

        monkeypatch.setattr(analyze, "run", fail)
        done = backfill("--wait")
        assert isinstance(done.exception, FatalError)
        assert done.exception.message == "2 of 2 days could not be processed"
        assert {stage for _, stage, _ in begun(context, tenant)} == {"analyses"}

    def test_of_a_paused_tenant_waits(self, context: Context, tenant: Tenant) -> None:
        set_paused(context.database, tenant.id, paused=True)
        assert json.loads(backfill("--wait", "--json").stdout)["state"] == "running"
        set_paused(context.database, tenant.id, paused=False)
        process_waiting(context)
        assert {state for _, _, state in begun(context, tenant)} == {"done"}

    @pytest.mark.parametrize(
        ("options", "first", "last", "message"),
        [
            ((), 1, 2, "after `to`"),
            ((), 1, -9, "in the future"),
            ((), 36500, 1, "at most 3,660 days"),
            ((), 40, 30, "No day of it holds anything"),
            (("--from-stage", "drop"), 2, 1, "no stage 'drop'"),
        ],
    )
    def test_what_cannot_be_run_is_refused(
        self, context: Context, tenant: Tenant, options: tuple[str, ...], first: int, last: int, message: str
    ) -> None:
        done = backfill(*options, first=first, last=last)
        assert isinstance(done.exception, InputError)
        assert message in done.exception.message
        assert done.exception.remedy

    def test_of_nobody_is_refused(self, context: Context, tenant: Tenant) -> None:
        assert isinstance(backfill(slug="ghost").exception, NotFoundError)

    def test_a_day_that_is_none_is_wrong_usage(self, tenant: Tenant) -> None:
        done = CliRunner().invoke(app, ["--tenant", "acme", "--from", "yesterday", "--to", "2026-11-01"])
        assert done.exit_code == 2
