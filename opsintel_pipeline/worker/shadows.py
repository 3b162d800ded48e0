"""Shadow runs that people ask for."""

from __future__ import annotations

from uuid import UUID

from opsintel.context import Context
from opsintel.learning.promotion import put_off, waiting
from opsintel_pipeline.worker.errands import Errands


def perform(context: Context, tenant_id: UUID, run_id: UUID) -> None:
    """Try a candidate; what that needs is loaded now, not when the worker starts."""
    from opsintel_pipeline.analyze import shadow

    shadow.perform(context, tenant_id, run_id)


SHADOW_RUNS = Errands("shadow run", waiting, perform, put_off, 1)
