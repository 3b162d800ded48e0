"""The Dagster definitions: everything in `defs/`, put together."""

from __future__ import annotations

from dagster import Definitions, in_process_executor, load_asset_checks_from_modules, load_assets_from_modules

from opsintel_pipeline.defs import assets, checks, drain, schedules, sensors
from opsintel_pipeline.defs.resources import installation

definitions = Definitions(
    assets=load_assets_from_modules([assets]),
    asset_checks=load_asset_checks_from_modules([checks]),
    jobs=[drain.drain],
    sensors=[sensors.ledger_sensor],
    schedules=[
        schedules.nightly_object_collection,
        schedules.consolidation,
        schedules.hourly_census,
        schedules.nightly_roll_ups,
        schedules.nightly_retention,
        schedules.audit_anchors,
        schedules.weekly_evaluation,
    ],
    resources={"installation": installation},
    # A process for each step would cost more than most steps.
    executor=in_process_executor,
)
