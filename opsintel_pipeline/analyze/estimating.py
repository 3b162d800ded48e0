"""Estimates that people ask for by the API: made by the worker, told as the figures of the job."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from uuid import UUID

from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.llm.trials import ESTIMATE
from opsintel.queue import jobs
from opsintel.tenants import tenant_by_id
from opsintel_pipeline.analyze.rerun import Estimate, estimate
from opsintel_pipeline.worker.errands import Errands

MICRO = 1_000_000


def perform(context: Context, tenant_id: UUID, job_id: UUID) -> None:
    """Make an estimate now; nothing where another process does. The job fails where the tenant has no model."""
    with context.database.tenant_tx(tenant_id) as connection:
        asked = ESTIMATE.take(connection, job_id)
    if asked is None:
        return
    first, last = (date.fromisoformat(asked[name]) for name in ("from", "to"))
    error, figures = "", None
    try:
        figures = figures_of(estimate(context, tenant_by_id(context.database, tenant_id), first, last))
    except InputError as fault:
        error = fault.message
    with context.database.tenant_tx(tenant_id) as connection:
        jobs.end(connection, job_id, error=error, figures=figures)


def figures_of(found: Estimate) -> dict[str, int]:
    """Return an estimate in whole numbers: USD as millionths, minutes as seconds; what is unknown is left out."""
    figures = {}
    for name, value in asdict(found).items():
        if isinstance(value, Decimal):
            figures[name.replace("_usd", "_micro_usd")] = round(value * MICRO)
        elif isinstance(value, int):
            figures[name] = value
    return figures | {"seconds": round(found.minutes * 60)}


ESTIMATES = Errands("estimate", ESTIMATE.waiting, perform, ESTIMATE.put_off, 1)
