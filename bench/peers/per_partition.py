"""One Dagster run for each partition, as one would write it without batches: what batched runs are measured against.

The same stage functions as plain assets on the same partitions, and a sensor that asks for a run for every day that the
tenants whose slug begins with `single-` have payloads of. The product's own definitions are served beside it.
"""

from collections.abc import Iterator

from dagster import (
    AddDynamicPartitionsRequest,
    AssetExecutionContext,
    AssetsDefinition,
    AssetSelection,
    DefaultSensorStatus,
    Definitions,
    MaterializeResult,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    asset,
    define_asset_job,
    sensor,
)

from opsintel.context import Context
from opsintel.errors import FatalError
from opsintel.tenants import all_tenants
from opsintel_pipeline import definitions as product
from opsintel_pipeline.defs.assets import PRESENTATIONS
from opsintel_pipeline.defs.partitions import parse_keys, tenant_days, tenants
from opsintel_pipeline.defs.resources import Installation
from opsintel_pipeline.worker.stages import STAGES, Stage, run_stage

PREFIX = "single-"
GROUP = "single"
JOB = "stages"


def plain_asset(stage: Stage) -> AssetsDefinition:
    """Return a stage as a plain asset: one partition a run."""

    @asset(
        name=stage.asset,
        key_prefix=GROUP,
        deps=[[GROUP, name] for name in PRESENTATIONS[stage.asset].deps],
        group_name=GROUP,
        partitions_def=tenant_days,
    )
    def run_asset(context: AssetExecutionContext, installation: Installation) -> MaterializeResult[None]:
        opened = installation.open()
        partitions = parse_keys([context.partition_key], all_tenants(opened.database))
        (outcome,) = run_stage(opened, stage, partitions)
        if outcome.result is None:
            raise FatalError(outcome.error or "")
        return MaterializeResult(metadata={**outcome.result.figures, "rows": outcome.result.rows})

    return run_asset


plain_assets = [plain_asset(stage) for stage in STAGES]
stages = define_asset_job(JOB, selection=AssetSelection.groups(GROUP))


@sensor(job=stages, minimum_interval_seconds=1, default_status=DefaultSensorStatus.RUNNING)
def per_partition(context: SensorEvaluationContext, installation: Installation) -> SensorResult:
    """Ask for one run for each partition; the run key keeps a partition from being asked for twice."""
    opened = installation.open()
    mine = [tenant.slug for tenant in all_tenants(opened.database) if tenant.slug.startswith(PREFIX)]
    known = set(context.instance.get_dynamic_partitions(tenants.name or ""))
    new = [slug for slug in mine if slug not in known]
    return SensorResult(
        run_requests=[RunRequest(run_key=key, partition_key=key) for key in _partitions(opened)],
        dynamic_partitions_requests=[AddDynamicPartitionsRequest(tenants.name or "", new)] if new else [],
    )


def _partitions(opened: Context) -> Iterator[str]:
    for tenant in all_tenants(opened.database):
        if tenant.slug.startswith(PREFIX):
            with opened.database.tenant_tx(tenant.id) as connection:
                rows = connection.execute("SELECT DISTINCT partition_day FROM raw_payload ORDER BY 1").fetchall()
            yield from (f"{day}|{tenant.slug}" for (day,) in rows)


definitions = Definitions.merge(
    product.definitions, Definitions(assets=plain_assets, jobs=[stages], sensors=[per_partition])
)
