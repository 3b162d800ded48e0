"""What goes by the clock."""

from collections.abc import Iterator

from dagster import (
    DefaultScheduleStatus,
    JobDefinition,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    define_asset_job,
    schedule,
)

from opsintel_pipeline.defs.assets import issue_consolidation
from opsintel_pipeline.defs.collection import object_collection
from opsintel_pipeline.defs.partitions import tenants
from opsintel_pipeline.defs.upkeep import audit_anchor, census, evaluation, retain, roll_ups

consolidation_job = define_asset_job(
    "consolidation", selection=[issue_consolidation], description="Consolidates issues."
)


@schedule(
    job=consolidation_job,
    cron_schedule="20 3 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Consolidates every tenant's issues once a night.",
)
def consolidation(context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
    """Ask for one run for each tenant."""
    day = context.scheduled_execution_time.date().isoformat()
    for slug in context.instance.get_dynamic_partitions(tenants.name or ""):
        yield RunRequest(run_key=f"{day}|{slug}", partition_key=slug)


def _by_the_clock(job: JobDefinition, cron: str, description: str) -> ScheduleDefinition:
    return ScheduleDefinition(
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING,
        description=description,
    )


hourly_census = _by_the_clock(census, "7 * * * *", "Counts every polled source once a day, each at a time of its own.")
nightly_retention = _by_the_clock(retain, "10 2 * * *", "Deletes what is past its time, once a night.")
nightly_roll_ups = _by_the_clock(
    roll_ups, "40 2 * * *", "Has roll-ups built again that differ from their rows, once a night."
)
nightly_object_collection = _by_the_clock(
    object_collection, "50 3 * * *", "Removes objects that nothing has referred to for the grace period, once a night."
)
audit_anchors = _by_the_clock(
    audit_anchor, "*/15 * * * *", "Anchors the audit log in the object store every quarter of an hour."
)
weekly_evaluation = _by_the_clock(
    evaluation, "30 4 * * 1", "Measures every tenant's analyses on what its people have said, once a week."
)
