"""The sensor that turns accepted work into runs. It reads the ledger, never the queue, so a lost tick loses nothing."""

from datetime import timedelta
from uuid import UUID

from dagster import (
    AddDynamicPartitionsRequest,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    DeleteDynamicPartitionsRequest,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from opsintel.db.engine import Database
from opsintel.queue import ledger
from opsintel.tenants import all_slugs, all_tenants
from opsintel_pipeline.defs.drain import drain
from opsintel_pipeline.defs.partitions import tenants
from opsintel_pipeline.defs.resources import Installation

BATCH_TAG = "opsintel/batch"
ENDED = (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED, DagsterRunStatus.SUCCESS)
IN_HAND = (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)


@sensor(
    job=drain,
    # The daemon looks every 5 s; a smaller interval only makes sure that no look is skipped.
    minimum_interval_seconds=1,
    default_status=DefaultSensorStatus.RUNNING,
    description="Builds batches of the work that was accepted and asks for one run each, until they are done.",
)
def ledger_sensor(context: SensorEvaluationContext, installation: Installation) -> SensorResult:
    """Offer every open batch again; a batch whose run ended without closing it is built anew under a new id."""
    database = installation.open().database
    instance = context.instance
    known = set(instance.get_dynamic_partitions(tenants.name or ""))
    new = [tenant.slug for tenant in all_tenants(database) if tenant.slug not in known]
    gone = sorted(known - all_slugs(database))
    _expire_batches_of_dead_runs(database, instance)
    ledger.build_batches(database)
    batches = [str(batch_id) for batch_id in ledger.open_batches(database)]
    _end_runs_of_expired_batches(database, instance)
    ledger.note_alive(database, ledger_sensor.name)
    return SensorResult(
        run_requests=[
            RunRequest(
                run_key=batch_id,
                run_config={"ops": {"drain_batch": {"config": {"batch_id": batch_id}}}},
                tags={BATCH_TAG: batch_id},
            )
            for batch_id in batches
        ],
        dynamic_partitions_requests=[
            *([AddDynamicPartitionsRequest(tenants.name or "", new)] if new else []),
            *([DeleteDynamicPartitionsRequest(tenants.name or "", gone)] if gone else []),
        ],
    )


def _expire_batches_of_dead_runs(database: Database, instance: DagsterInstance) -> None:
    """Let open batches expire whose run has ended all the same: it was killed, or could not be started."""
    batches = {str(batch_id): batch_id for batch_id in ledger.open_batches(database)}
    if not batches:
        return
    ended = instance.get_runs(RunsFilter(job_name=drain.name, statuses=list(ENDED), tags={BATCH_TAG: list(batches)}))
    for run in ended:
        ledger.set_deadline(database, batches[run.tags[BATCH_TAG]], timedelta(seconds=-1))


def _end_runs_of_expired_batches(database: Database, instance: DagsterInstance) -> None:
    """Mark runs as failed whose batch expired under them, so that dead runs hold no place in the queue."""
    runs = instance.get_runs(RunsFilter(job_name=drain.name, statuses=list(IN_HAND)))
    by_batch = {UUID(run.tags[BATCH_TAG]): run for run in runs if BATCH_TAG in run.tags}
    for batch_id in ledger.expired_batches(database, list(by_batch)) if by_batch else []:
        instance.report_run_failed(by_batch[batch_id], "The process of this run is gone; another run has its work.")
