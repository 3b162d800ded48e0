from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest
from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from opsintel.clock import now, today
from opsintel.context import Context
from opsintel.errors import ItemError
from opsintel.partitions import ARCHIVE_DAY, Partition, StageResult
from opsintel.queue import ledger
from opsintel.queue.outbox import announce_days
from opsintel.tenants import Tenant
from opsintel_pipeline.definitions import definitions
from opsintel_pipeline.defs.partitions import tenant_days
from opsintel_pipeline.worker import stages
from opsintel_pipeline.worker.inline import move_announcements
from tests.canonical import dump
from tests.pipeline.mailbox import import_mailbox, write_mailbox

DAYS_AGO = (3, 2, 1)


def build_batch(context: Context) -> UUID:
    move_announcements(context)
    (batch_id,) = ledger.build_batches(context.database, now=now())
    return batch_id


def drain(instance: DagsterInstance, batch_id: UUID) -> ExecuteInProcessResult:
    return definitions.resolve_job_def("drain").execute_in_process(
        run_config={"ops": {"drain_batch": {"config": {"batch_id": str(batch_id)}}}},
        instance=instance,
        raise_on_error=False,
    )


def by_hand(instance: DagsterInstance, asset: str, keys: list[str]) -> bool:
    """Materialise partitions of one asset as a person does in the UI: one, or a range."""
    job = definitions.resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    return job.execute_in_process(
        instance=instance,
        asset_selection=[AssetKey(asset)],
        partition_key=keys[0] if len(keys) == 1 else None,
        tags=tags if len(keys) > 1 else None,
        raise_on_error=False,
    ).success


def partitions_of(instance: DagsterInstance, asset: str) -> tuple[set[str], set[str]]:
    """Return the keys that the UI shows as materialised and as failed."""
    with partition_loading_context(dynamic_partitions_store=instance):
        status = get_and_update_asset_status_cache_value(instance, AssetKey(asset), tenant_days, instance)
        assert status is not None
        made = status.deserialize_materialized_partition_subsets(tenant_days)
        failed = status.deserialize_failed_partition_subsets(tenant_days)
        return set(made.get_partition_keys()), set(failed.get_partition_keys())


def key(ago: int, slug: str = "acme") -> str:
    return f"{today() - timedelta(days=ago)}|{slug}"


@pytest.fixture
def tenant(context: Context, instance: DagsterInstance, tmp_path: Path) -> Tenant:
    write_mailbox(tmp_path / "mails.mbox", DAYS_AGO)
    instance.add_dynamic_partitions("tenants", ["acme"])
    return import_mailbox(context, tmp_path / "mails.mbox", "acme")


class FaultyStage(ModuleType):
    """A stage that fails on one day, in place of the real one, for as long as `broken` says."""

    def __init__(self, real: stages.StageFunction, day: date, error: Exception) -> None:
        super().__init__("faulty")
        self.broken = True

        def run(context: Context, partition: Partition) -> StageResult:
            if self.broken and partition.day == day:
                raise error
            return real(context, partition)

        self.run = run


def break_stage(monkeypatch: pytest.MonkeyPatch, asset: str, ago: int, error: Exception) -> FaultyStage:
    (stage,) = (stage for stage in stages.STAGES if stage.asset == asset)
    faulty = FaultyStage(stage.function(), today() - timedelta(days=ago), error)
    real_import = stages.import_module
    monkeypatch.setattr(stages, "import_module", lambda name: faulty if name == stage.module else real_import(name))
    return faulty


class TestDrain:
    def test_every_partition_of_every_asset_is_shown_as_materialised(
        self, context: Context, instance: DagsterInstance, tenant: Tenant
    ) -> None:
        assert drain(instance, build_batch(context)).success
        for stage in stages.STAGES:
            assert partitions_of(instance, stage.asset) == ({key(ago) for ago in DAYS_AGO}, set())
        assert len(dump(context.database, tenant)["message"]) == 12

    def test_gives_the_same_rows_as_a_person_materialising_one_partition_after_the_other(
        self, context: Context, instance: DagsterInstance, tenant: Tenant, tmp_path: Path
    ) -> None:
        drained = build_batch(context)
        instance.add_dynamic_partitions("tenants", ["hand"])
        hand = import_mailbox(context, tmp_path / "mails.mbox", "hand")
        assert drain(instance, drained).success
        for stage in stages.STAGES:
            for ago in DAYS_AGO:
                assert by_hand(instance, stage.asset, [key(ago, "hand")])
        assert dump(context.database, hand) == dump(context.database, tenant)

    def test_a_range_by_hand_materialises_each_of_its_partitions(
        self, context: Context, instance: DagsterInstance, tenant: Tenant
    ) -> None:
        for stage in stages.STAGES:
            assert by_hand(instance, stage.asset, [key(ago) for ago in DAYS_AGO])
            assert partitions_of(instance, stage.asset) == ({key(ago) for ago in DAYS_AGO}, set())
        assert len(dump(context.database, tenant)["analysis"]) == 12

    def test_a_second_run_of_the_same_batch_does_nothing(
        self, context: Context, instance: DagsterInstance, tenant: Tenant
    ) -> None:
        batch_id = build_batch(context)
        drain(instance, batch_id)
        again = drain(instance, batch_id)
        assert again.success
        assert not instance.get_records_for_run(again.run_id, of_type=None).records or not [
            event for event in again.all_events if event.is_step_materialization
        ]

    def test_metadata_holds_figures_and_the_way_to_the_dashboard(
        self, context: Context, instance: DagsterInstance, tenant: Tenant
    ) -> None:
        drain(instance, build_batch(context))
        event = instance.get_latest_materialization_event(AssetKey("messages"))
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        assert metadata["dagster/partition_row_count"].value == 4
        assert str(metadata["dashboard"].value).startswith("http://localhost:8080/")

    def test_the_archive_day_is_processed_but_has_no_partition_in_dagster(
        self, context: Context, instance: DagsterInstance, tenant: Tenant
    ) -> None:
        drain(instance, build_batch(context))
        with context.database.tenant_tx(tenant.id) as connection:
            announce_days(connection, tenant.id, [ARCHIVE_DAY], "import")
        result = drain(instance, build_batch(context))
        assert result.success
        assert partitions_of(instance, "messages") == ({key(ago) for ago in DAYS_AGO}, set())
        assert ledger.pending_count(context.database) == 0


class TestAFailingPartition:
    def test_is_shown_as_failed_where_it_failed_and_the_others_go_on(
        self, context: Context, instance: DagsterInstance, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_stage(monkeypatch, "analyses", 2, ItemError("the rules choked"))
        assert not drain(instance, build_batch(context)).success
        everything, others = {key(ago) for ago in DAYS_AGO}, {key(3), key(1)}
        assert partitions_of(instance, "messages") == (everything, set())
        assert partitions_of(instance, "analyses") == (others, {key(2)})
        assert partitions_of(instance, "marts") == (others, set())

    def test_returns_to_the_ledger_and_succeeds_once_mended(
        self, context: Context, instance: DagsterInstance, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        faulty = break_stage(monkeypatch, "analyses", 2, KeyError("x"))
        drain(instance, build_batch(context))
        faulty.broken = False
        assert drain(instance, build_batch(context)).success
        assert partitions_of(instance, "analyses") == ({key(ago) for ago in DAYS_AGO}, set())

    def test_by_hand_fails_alone_too(
        self, context: Context, instance: DagsterInstance, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert by_hand(instance, "raw_messages", [key(ago) for ago in DAYS_AGO])
        break_stage(monkeypatch, "messages", 2, ItemError("broken"))
        assert not by_hand(instance, "messages", [key(ago) for ago in DAYS_AGO])
        assert partitions_of(instance, "messages") == ({key(3), key(1)}, {key(2)})

    def test_says_what_failed_without_the_content_of_a_message(
        self, context: Context, instance: DagsterInstance, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_stage(monkeypatch, "analyses", 2, ValueError("private words of a customer"))
        run = drain(instance, build_batch(context))
        with context.database.system_tx() as connection:
            errors = connection.execute("SELECT DISTINCT error FROM work WHERE error <> ''").fetchall()
        assert [
            error.startswith("analyses: ValueError at opsintel_pipeline.worker.stages:") for (error,) in errors
        ] == [True]
        records = [str(record) for record in instance.all_logs(run.run_id)]
        assert not [record for record in records if "private words" in record]


class TestABatch:
    def test_whose_run_lives_is_not_given_away(self, context: Context, tenant: Tenant) -> None:
        batch_id = build_batch(context)
        ledger.set_deadline(context.database, batch_id, timedelta(seconds=30))
        assert ledger.build_batches(context.database, now=now()) == []
        assert ledger.open_batches(context.database) == [batch_id]

    def test_that_expired_is_built_anew_under_a_new_id(self, context: Context, tenant: Tenant) -> None:
        batch_id = build_batch(context)
        ledger.set_deadline(context.database, batch_id, timedelta(days=-1))
        (new_id,) = ledger.build_batches(context.database, now=now())
        assert new_id != batch_id
        assert ledger.start_batch(context.database, batch_id, "late run") == {}
