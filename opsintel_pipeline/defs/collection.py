"""Removes objects that nothing refers to."""

from datetime import timedelta

from dagster import OpExecutionContext, in_process_executor, job, op

from opsintel.objects.collect import Collection, collect, collect_of_erased
from opsintel.tenants import all_tenants
from opsintel_pipeline.defs.resources import Installation


@op(description="Removes objects that no row has referred to for the grace period.", tags={"kind": "s3"})
def collect_objects(context: OpExecutionContext, installation: Installation) -> None:
    """Collect the objects of every tenant, one after the other."""
    opened = installation.open()
    grace = timedelta(days=opened.settings.object_grace_days)
    total = Collection()
    for tenant in all_tenants(opened.database):
        total += collect(opened.database, opened.objects, tenant.id, grace)
    collect_of_erased(opened.database, opened.objects)
    context.log.info(
        "%d objects, %d removed (%d bytes), %d more without a reference",
        total.objects, total.removed, total.removed_bytes, total.waiting,
    )  # fmt: skip


@job(executor_def=in_process_executor, description="Removes objects that nothing refers to.")
def object_collection() -> None:
    """Collect once."""
    collect_objects()
