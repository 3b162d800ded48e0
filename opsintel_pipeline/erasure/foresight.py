"""Dry runs that were asked for, and erasures that keep to one: what has changed in between stops them."""

from __future__ import annotations

import hashlib
import json
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.people.requests import Erasure
from opsintel.queue import jobs
from opsintel_pipeline.erasure.person import tried
from opsintel_pipeline.erasure.receipt import by_store, receipt_of
from opsintel_pipeline.erasure.work import Work


def foresee(context: Context, erasure: Erasure) -> dict[str, object]:
    """Do a dry run that was taken in hand; returns what the receipt would say, and forgets who was meant."""
    work = _tried(context, erasure)
    counts = dict(+work.counts)
    found = receipt_of(context, erasure, counts)
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        connection.execute(
            "UPDATE erasure SET state = 'done', wanted = NULL, receipt = %s, counts = %s, fingerprint = %s, error = '',"
            " finished_at = now() WHERE id = %s",
            (Jsonb(found), Jsonb(counts), fingerprint(work), erasure.id),
        )
        jobs.end(connection, erasure.id, figures=by_store(counts))
    return found


def require_unchanged(context: Context, erasure: Erasure) -> None:
    """Raise `InputError` where an erasure that names a dry run would remove something else now.

    One that has begun, and was killed, goes on.
    """
    if erasure.dry_run_id is None or "terms" in (erasure.wanted or {}):
        return
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        row = connection.execute("SELECT fingerprint FROM erasure WHERE id = %s", (erasure.dry_run_id,)).fetchone()
    if row is None or row[0] != fingerprint(_tried(context, erasure)):
        raise InputError("What would be removed has changed since the dry run", remedy="Make a dry run again")


def fingerprint(work: Work) -> bytes:
    """Return the SHA-256 of the ids and figures of an erasure as it ended; it tells nothing of the person."""
    found = {
        "counts": dict(+work.counts),
        "participants": [str(one) for one in work.person.participants],
        "payloads": sorted(map(str, work.marked)),
        "issues": sorted(work.progress.issues),
        "objects": sorted(work.progress.pages),
    }
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).digest()


def _tried(context: Context, erasure: Erasure) -> Work:
    wanted = erasure.wanted or {}
    participants = [UUID(one) for one in wanted.get("participants", [])]
    return tried(context, erasure.tenant_id, wanted.get("address"), participants)
