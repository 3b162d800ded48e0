"""The receipt of an erasure, the ledger that has a restored back-up erased again, and the end of it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.access.audit import SYSTEM, Detail, Entry, Subject, record
from opsintel.backup.repository import Repository
from opsintel.clock import now
from opsintel.context import Context
from opsintel.crypto.master import MasterKeys
from opsintel.people.requests import TENANT, Erasure
from opsintel.people.suppression import identity_hash
from opsintel.queue import jobs
from opsintel_pipeline.erasure.work import Work

FORMAT = 1
LEDGER = "erasures"
"""Kind of the objects that a restore reads before anything is served."""

STORES: dict[str, tuple[str, ...]] = {
    "objects": ("raw_payload", "object"),
    "events": (
        "message", "message_revision", "message_occurrence", "attachment", "message_label", "message_link", "thread",
        "participant", "participant_identity", "organization", "fact_participant_day", "ingest_failure",
    ),
    "analyses": ("analysis",),
    "embeddings": ("embedding", "embedding_model"),
    "issues": ("issue", "issue_member", "issue_constraint", "issue_event", "issue_assignee"),
    "sheets": ("sheet_row",),
    "outbox": ("outbox", "work", "job"),
    "rabbitmq": ("queue_message",),
    "redis": (),
    "dagster": (),
    "audit": ("audit_subject",),
}  # fmt: skip
"""Which rows make up each store. Announcements, Redis' keys and Dagster's runs hold ids only, by construction."""


def by_store(counts: dict[str, int]) -> dict[str, int]:
    """Return the figures of an erasure by store; what belongs to none is of the accounts."""
    listed = {name for names in STORES.values() for name in names}
    stores = {store: sum(counts.get(name, 0) for name in names) for store, names in STORES.items()}
    return stores | {"accounts": sum(count for name, count in counts.items() if name not in listed)}


def backups_holding(context: Context) -> list[dict[str, str]]:
    """Return the back-ups in OPSINTEL_BACKUP_DIR, all of which still hold what was erased, and until when."""
    folder = context.settings.backup_dir
    if folder is None:
        return []
    return [
        {
            "backup": backup.folder.name,
            "restores_to": backup.receipt.ended_at,
            "until": "it is removed by `opsintel backup --keep`; a restore of it is erased again before it is served",
        }
        for backup in Repository(folder).backups()
    ]


def finish(work: Work, erasure: Erasure) -> dict[str, object]:
    """Write the ledger and the receipt, forget who was meant, and return the receipt."""
    hashes = [identity_hash(work.key, kind, value).hex() for kind, value in work.person.identities]
    ledger_key = write_ledger(
        work.context,
        erasure,
        {
            "participants": [str(one) for one in work.person.participants],
            "hashes": sorted(hashes),
            "key": _sealed_key(work.context, erasure, work.key),
        },
    )
    receipt = receipt_of(work.context, erasure, dict(+work.counts), hashes=sorted(hashes))
    close(work.context, erasure, receipt, dict(+work.counts), ledger_key, erased_user=work.person.user_id)
    return receipt


def write_ledger(context: Context, erasure: Erasure, subjects: dict[str, Any]) -> str:
    """Store what a restore needs to erase again, ids and keyed hashes only; returns the object's key."""
    entry = {
        "format": FORMAT,
        "erasure": str(erasure.id),
        "tenant": str(erasure.tenant_id),
        "kind": erasure.kind,
        "requested_at": erasure.requested_at.isoformat(),
        **subjects,
    }
    return context.objects.put(erasure.tenant_id, LEDGER, json.dumps(entry, sort_keys=True).encode())


def receipt_of(
    context: Context, erasure: Erasure, counts: dict[str, int], hashes: list[str] | None = None
) -> dict[str, object]:
    """Return the receipt: what was removed from which store, when, for whom, and where it still is."""
    return {
        "format": FORMAT,
        "erasure": str(erasure.id),
        "tenant": str(erasure.tenant_id),
        "kind": erasure.kind,
        "requested_at": erasure.requested_at.isoformat(),
        "finished_at": now().isoformat(),
        "asked_by": {"kind": erasure.actor.kind, "id": erasure.actor.id},
        "subject_hashes": hashes or [],
        "counts": counts,
        "stores": by_store(counts),
        "backups": backups_holding(context),
    }


def close(
    context: Context,
    erasure: Erasure,
    receipt: dict[str, object],
    counts: dict[str, int],
    ledger_key: str,
    erased_user: UUID | None = None,
) -> None:
    """End an erasure with its receipt, and record it in the audit log."""
    digest = hashlib.sha256(json.dumps(receipt, sort_keys=True).encode()).digest()
    actor = erasure.actor
    if not actor.id or (actor.kind == "person" and actor.id == str(erased_user)):
        actor = SYSTEM  # who is gone cannot be named
    stores: dict[str, int] = by_store(counts)
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        connection.execute(
            "UPDATE erasure SET state = 'done', wanted = NULL, progress = '{}', receipt = %s, receipt_hash = %s,"
            " counts = %s, ledger_key = %s, error = '', finished_at = now() WHERE id = %s",
            (Jsonb(receipt), digest, Jsonb(counts), ledger_key, erasure.id),
        )
        details: dict[str, Detail] = {"receipt": digest.hex(), **stores}
        entry = Entry(erasure.tenant_id, actor, f"{erasure.kind}.erased", Subject("erasure", str(erasure.id)), details)
        record(connection, entry)
        jobs.end(connection, erasure.id, figures=stores)
    if erasure.kind == TENANT:  # who is behind the ids of its own chain is forgotten already
        with context.database.system_tx() as connection:
            record(connection, replace(entry, tenant_id=None))


def _sealed_key(context: Context, erasure: Erasure, key: bytes) -> str:
    return base64.b64encode(MasterKeys.of(context.settings).wrap(erasure.tenant_id, erasure.id, key)).decode()
