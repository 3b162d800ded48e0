"""Dagster's events for partitions that a plain op worked through.

A run has no public way to report many partitions of many assets at once, with some of them failed, so this module (and
no other) builds the events that Dagster's own asset runs write: a materialisation for what was done, and a planned
materialisation for what was not, which the run's failure then turns into a failed partition. They are stored a batch at
a time, which is what makes one run over many partitions cheap. tests/pipeline/test_events.py holds it to Dagster's pin.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dagster import AssetKey, AssetMaterialization, OpExecutionContext
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry


def record_materialized(context: OpExecutionContext, materializations: Sequence[AssetMaterialization]) -> None:
    """Store materialisations of one asset, all in one write."""
    _store(
        context,
        [
            DagsterEvent(
                event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
                job_name=context.job_name,
                step_key=context.op.name,
                event_specific_data=StepMaterializationData(materialization),
                message=materialization.description or "",
            )
            for materialization in materializations
        ],
    )


def record_failed(context: OpExecutionContext, asset: str, partition_keys: Iterable[str]) -> None:
    """Record partitions of an asset as attempted and not made; they show as failed once the run has failed."""
    _store(
        context,
        [
            DagsterEvent.build_asset_materialization_planned_event(
                context.job_name,
                context.op.name,
                AssetMaterializationPlannedData(AssetKey(asset), partition=key),
            )
            for key in partition_keys
        ],
    )


def materialization(asset: str, key: str, metadata: Mapping[str, Any]) -> AssetMaterialization:
    """Return the materialisation of a partition of an asset."""
    return AssetMaterialization(asset_key=asset, partition=key, metadata=metadata)


def _store(context: OpExecutionContext, events: Sequence[DagsterEvent]) -> None:
    if not events:
        return
    entries = [
        EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=logging.INFO,
            user_message="",
            run_id=context.run_id,
            timestamp=time.time(),
            step_key=event.step_key,
            job_name=event.job_name,
            dagster_event=event,
        )
        for event in events
    ]
    context.instance.event_log_storage.store_event_batch(entries)
