"""Jobs about models: keys that people have tried, and estimates; one may take a minute."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from opsintel.queue.asked_for import JobKind

TRIAL = JobKind("model_key")
ESTIMATE = JobKind(
    "estimate", timedelta(hours=2), ended="The process ended while this was worked out: ask for fewer days at once"
)


def trial_of(key_id: UUID) -> dict[str, str]:
    """Return what the row of a trial keeps."""
    return {"model_key_id": str(key_id)}


def estimate_of(first: date, last: date) -> dict[str, str]:
    """Return what the row of an estimate keeps."""
    return {"from": first.isoformat(), "to": last.isoformat()}
