"""A person's materialisation in the ledger: rows that tell the truth, and no other run on the tenant beside it."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance

from opsintel.clock import today
from opsintel.context import Context
from opsintel.errors import DatabaseError, ItemError
from opsintel.partitions import Partition, StageResult
from opsintel.queue import by_hand as claims
from opsintel.queue import ledger
from opsintel.tenants import Tenant
from opsintel_pipeline.worker import by_hand as running
from opsintel_pipeline.worker.by_hand import run_by_hand
from opsintel_pipeline.worker.stages import STAGES
from tests.pipeline.mailbox import import_mailbox, write_mailbox
from tests.pipeline.test_drain import break_stage, build_batch, by_hand, drain, key, partitions_of

DAYS_AGO = (3, 2, 1)
RAW = STAGES[0]


@pytest.fixture
def tenant(context: Context, instance: DagsterInstance, tmp_path: Path) -> Tenant:
    write_mailbox(tmp_path / "mails.mbox", DAYS_AGO)
    instance.add_dynamic_partitions("tenants", ["acme"])
    return import_mailbox(context, tmp_path / "mails.mbox", "acme")


def of(tenant: Tenant, ago: int) -> Partition:
    return Partition(today() - timedelta(days=ago), tenant.id, tenant.slug)


def rows(context: Context, columns: str) -> list[tuple[object, ...]]:
    with context.database.system_tx() as connection:
        return connection.execute(
            f"SELECT {columns} FROM work LEFT JOIN batch ON batch.id = batch_id"  # type: ignore[arg-type]
            " WHERE reason = 'materialization' ORDER BY partition_day, work.id"
        ).fetchall()


class TestTheLedger:
    def test_says_which_run_did_which_stage_of_which_day_and_how_it_ended(
        self, context: Context, instance: DagsterInstance, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_stage(monkeypatch, "raw_messages", 2, ItemError("no luck"))
        assert not by_hand(instance, "raw_messages", [key(ago) for ago in DAYS_AGO])
        (run,) = instance.get_runs()
        assert rows(context, "first_stage, last_stage, work.state, run_id, error, kind, batch.state") == [
            ("raw_messages", "raw_messages", state, run.run_id, error, "materialization", "done")
            for state, error in (("done", ""), ("failed", "raw_messages: no luck"), ("done", ""))
        ]
        assert all(row[0] for row in rows(context, "work.started_at IS NOT NULL AND work.finished_at >= started_at"))

    def test_leaves_the_work_that_waits_to_the_automatic_path(
        self, context: Context, instance: DagsterInstance, tenant: Tenant
    ) -> None:
        assert by_hand(instance, "raw_messages", [key(ago) for ago in DAYS_AGO])
        assert drain(instance, build_batch(context)).success
        assert partitions_of(instance, "marts") == ({key(ago) for ago in DAYS_AGO}, set())
        assert ledger.pending_count(context.database) == 0

    def test_does_not_try_again_what_a_person_may_repeat(self, context: Context, tenant: Tenant) -> None:
        batch = claims.claim(context.database, [of(tenant, 1)], "marts", "run", timedelta(seconds=-1))
        assert batch is not None
        assert ledger.open_batches(context.database) == []
        ledger.build_batches(context.database)
        assert rows(context, "work.state, error") == [("failed", "its run died 1 times without a word")]

    def test_an_outage_in_the_middle_leaves_no_tenant_taken(
        self, context: Context, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_stage(monkeypatch, "raw_messages", 2, DatabaseError("The database went away"))
        with pytest.raises(DatabaseError):
            list(run_by_hand(context, RAW, [of(tenant, ago) for ago in DAYS_AGO], "run"))
        assert [row[0] for row in rows(context, "work.state")] == ["done", "failed", "failed"]
        assert claims.claim(context.database, [of(tenant, 1)], "marts", "run", timedelta(seconds=9)) is not None


class TestExclusivity:
    def test_a_batch_gets_no_tenant_that_a_person_has_in_hand(self, context: Context, tenant: Tenant) -> None:
        batch = claims.claim(context.database, [of(tenant, 1)], "marts", "run", timedelta(seconds=60))
        assert batch is not None
        with pytest.raises(ValueError, match="not enough values"):
            build_batch(context)
        ledger.finish(context.database, batch, {of(tenant, 1): None})
        ledger.close_batch(context.database, batch)
        build_batch(context)

    def test_a_person_waits_until_the_batch_of_the_tenant_is_done(
        self, context: Context, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = build_batch(context)
        looked = threading.Semaphore(0)
        monkeypatch.setattr(running.time, "sleep", lambda _: looked.release())
        outcomes: list[bool] = []
        person = threading.Thread(
            target=lambda: outcomes.extend(o.error is None for o in run_by_hand(context, RAW, [of(tenant, 1)], "run"))
        )
        person.start()
        assert looked.acquire(timeout=60)
        assert rows(context, "1") == []
        ledger.finish(context.database, batch, dict.fromkeys(ledger.start_batch(context.database, batch, "run")))
        ledger.close_batch(context.database, batch)
        person.join()
        assert outcomes == [True]

    def test_a_tenant_that_does_not_become_free_fails_and_the_others_go_on(
        self, context: Context, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build_batch(context)
        free = import_mailbox(context, tmp_path / "mails.mbox", "zebra")
        monkeypatch.setattr(running, "LONGEST_WAIT_SECONDS", 0.0)
        monkeypatch.setattr(running, "LOOK_SECONDS", 0.0)
        outcomes = list(run_by_hand(context, RAW, [of(tenant, 1), of(free, 1)], "run"))
        assert [o.error for o in outcomes] == ["Another run has this tenant in hand; try again", None]
        assert isinstance(outcomes[1].result, StageResult)
