"""Tries of keys that people ask for: taken in hand, made, and what they found counted in the job."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from opsintel.context import Context
from opsintel.llm.probe import probe_key
from opsintel.llm.trials import TRIAL
from opsintel.queue import jobs
from opsintel_pipeline.worker.errands import Errands


def perform(context: Context, tenant_id: UUID, job_id: UUID) -> None:
    """Try a key now; nothing where another process does. The job has failed where one of the models does not answer."""
    with context.database.tenant_tx(tenant_id) as connection:
        asked = TRIAL.take(connection, job_id)
    if asked is None:
        return
    probed = probe_key(context, tenant_id, UUID(asked["model_key_id"]))
    error = "" if probed else "No chain uses this key: put a model of it into one"
    for one in probed:
        if one.health != "valid":
            error = f"{one.model}: {one.detail}"
            break
    with context.database.tenant_tx(tenant_id) as connection:
        jobs.end(connection, job_id, error=error, figures=Counter(one.health for one in probed))


TRIALS = Errands("trial of a key", TRIAL.waiting, perform, TRIAL.put_off, 1)
