"""The automatic path: one run over many partitions of many tenants, through all stages."""

from collections.abc import Sequence
from uuid import UUID

from dagster import Config, Failure, OpExecutionContext, in_process_executor, job, op

from opsintel.context import Context
from opsintel_pipeline.defs import events, metadata
from opsintel_pipeline.defs.resources import Installation
from opsintel_pipeline.worker.batch import run_batch
from opsintel_pipeline.worker.stages import Outcome, Stage

MAX_RUNTIME_SECONDS = 300


class Batch(Config):
    """Which batch of the ledger to work through."""

    batch_id: str


@op(description="Runs all stages over the partitions of one batch of the ledger.", tags={"kind": "python"})
def drain_batch(context: OpExecutionContext, config: Batch, installation: Installation) -> None:
    """Run the batch; each partition and asset gets its own event. Fails only where a partition failed."""
    opened = installation.open()

    def observe(stage: Stage, outcomes: Sequence[Outcome]) -> None:
        record_outcomes(context, opened, stage, outcomes)

    result = run_batch(opened, UUID(config.batch_id), context.run_id, observe)
    context.log.info("%d partitions through all stages, %d failed", result.done, len(result.failed))
    if result.failed:
        raise Failure(
            description=f"{len(result.failed)} partitions failed, {result.done} are done",
            metadata={partition.key: str(result.failed[partition]) for partition in sorted(result.failed)[:50]},
            allow_retries=False,
        )


def record_outcomes(context: OpExecutionContext, opened: Context, stage: Stage, outcomes: Sequence[Outcome]) -> None:
    """Write the events of one stage; days outside the live window have no partition in Dagster."""
    live = [outcome for outcome in outcomes if outcome.partition.is_live]
    url = opened.settings.dashboard_url
    made = [
        events.materialization(stage.asset, o.partition.key, metadata.of_result(o.partition, o.result, o.seconds, url))
        for o in live
        if o.result is not None
    ]
    events.record_materialized(context, made)
    events.record_failed(context, stage.asset, [o.partition.key for o in live if o.error is not None])


@job(
    executor_def=in_process_executor,
    description="Drains one batch of the ledger: every partition through every stage, in one process.",
    # The ledger itself tries again, under a new batch.
    tags={"dagster/max_retries": "0", "dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
)
def drain() -> None:
    """Work through one batch."""
    drain_batch()
