from __future__ import annotations

from datetime import timedelta

import pytest
from dagster import AssetKey, AssetSpec, DagsterInstance, Definitions
from dagster._core.definitions.partitions.context import partition_loading_context

from opsintel.clock import today
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.partitions import LIVE_WINDOW_DAYS, Partition
from opsintel.tenants import Tenant
from opsintel_pipeline.definitions import definitions
from opsintel_pipeline.defs.columns import TABLES, lineage, schema
from opsintel_pipeline.defs.partitions import parse_keys, tenant_days
from opsintel_pipeline.worker.stages import STAGES

STAGE_ASSETS = ["raw_messages", "messages", "analyses", "issues", "marts", "sheet_exports"]


def spec(asset: str) -> AssetSpec:
    return definitions.resolve_asset_graph().get(AssetKey(asset)).to_asset_spec()


class TestDefinitions:
    def test_load_and_are_consistent(self) -> None:
        Definitions.validate_loadable(definitions)

    def test_hold_an_asset_for_each_stage_and_the_consolidation(self) -> None:
        keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
        assert keys == {*STAGE_ASSETS, "issue_consolidation"}
        assert [stage.asset for stage in STAGES] == STAGE_ASSETS

    @pytest.mark.parametrize("asset", STAGE_ASSETS)
    def test_every_asset_says_what_it_is_and_whose(self, asset: str) -> None:
        found = spec(asset)
        assert found.description
        assert found.owners
        assert found.kinds
        assert found.group_name in {"ingest", "normalize", "analyze", "issues", "marts", "act"}
        assert found.freshness_policy is not None

    @pytest.mark.parametrize("asset", STAGE_ASSETS)
    def test_every_stage_can_be_loaded(self, asset: str) -> None:
        (stage,) = (stage for stage in STAGES if stage.asset == asset)
        assert callable(stage.function())

    def test_every_asset_has_a_check(self) -> None:
        checked = {key.asset_key.to_user_string() for key in definitions.resolve_asset_graph().asset_check_keys}
        assert checked == set(STAGE_ASSETS)


class TestColumns:
    @pytest.mark.parametrize("asset", STAGE_ASSETS)
    def test_lineage_names_columns_that_exist(self, asset: str) -> None:
        names = {column.name for column in schema(asset).columns}
        for column, sources in lineage(asset).deps_by_column.items():
            assert column in names
            for source in sources:
                assert source.column_name in {c.name for c in schema(source.asset_key.to_user_string()).columns}

    def test_every_column_is_described(self) -> None:
        assert all(column.description for asset in TABLES for column in schema(asset).columns)


class TestPartitions:
    @pytest.mark.parametrize("ago", [LIVE_WINDOW_DAYS, LIVE_WINDOW_DAYS - 1, 1, 0, -1, -2])
    def test_dagster_has_a_key_for_exactly_the_live_days(self, instance: DagsterInstance, ago: int) -> None:
        instance.add_dynamic_partitions("tenants", ["acme"])
        partition = Partition(today() - timedelta(days=ago), new_id(), "acme")
        with partition_loading_context(dynamic_partitions_store=instance):
            assert tenant_days.has_partition_key(partition.key) is partition.is_live

    def test_a_key_leads_back_to_its_partition(self) -> None:
        tenant = Tenant(new_id(), "acme", "Acme", "en", 365, ())
        partition = Partition(today(), tenant.id, "acme")
        assert parse_keys([partition.key], [tenant]) == [partition]

    def test_a_key_of_nobody_is_refused(self) -> None:
        with pytest.raises(InputError, match="no tenant 'ghost'"):
            parse_keys([f"{today()}|ghost"], [])
