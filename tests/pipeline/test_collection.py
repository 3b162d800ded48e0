"""The nightly collection of objects, as Dagster runs it."""

from __future__ import annotations

from dagster import DagsterInstance

from opsintel.context import Context
from opsintel.tenants import create_tenant
from opsintel_pipeline.definitions import definitions


class TestTheJob:
    def test_collects_every_tenants_objects(self, context: Context, instance: DagsterInstance) -> None:
        keys = {}
        for slug in ("acme", "other"):
            tenant_id = create_tenant(context.database, slug, slug).id
            keys[tenant_id] = context.objects.put(tenant_id, "raw", b"orphan")
            with context.database.tenant_tx(tenant_id) as connection:
                connection.execute(
                    "INSERT INTO orphan_object (tenant_id, object_key, found_at)"
                    " VALUES (%s, %s, now() - interval '8 days')",
                    (tenant_id, keys[tenant_id]),
                )
        assert definitions.resolve_job_def("object_collection").execute_in_process(instance=instance).success
        for tenant_id in keys:
            assert list(context.objects.pages(tenant_id)) == []

    def test_is_scheduled_once_a_day(self) -> None:
        (schedule,) = (s for s in definitions.schedules or () if s.name == "object_collection_schedule")
        assert schedule.cron_schedule == "50 3 * * *"
