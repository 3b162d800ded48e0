"""The receipt of an erasure, the ledger that has a restored back-up erased again, and the end of it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.access.audit import SYSTEM, Actor, Detail, Entry, Subject, record
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
    "objects": ("raw_payload", "object", "person_export"),
    "events": (
        "message", "message_revision", "message_occurrence", "attachment", "message_label", "message_link", "thread",
        "participant", "participant_identity", "organization", "fact_participant_day", "ingest_failure",
    ),
    "analyses": ("analysis", "correction", "review_item", "learned_rule", "gold_example"),
    "embeddings": ("embedding", "embedding_model", "category_model"),
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
            "until": "`opsintel backup --keep` removes it; a restore of it is erased again before it is served",
        }
        for backup in Repository(folder).backups()
    ]


def left_in_sheets(context: Context, tenant_id: UUID, issues: Collection[str] | None = None) -> list[dict[str, str]]:
    """Return the spreadsheets that could not be written, and in which rows still stand: all, or those of issues."""
    with context.database.tenant_tx(tenant_id) as connection:
        rows = connection.execute(
            "SELECT target.id::text, target.config ->> 'spreadsheet_id', target.state FROM export_target AS target"
            " WHERE (%(issues)s::text[] IS NULL OR target.detail <> '') AND EXISTS ("
            " SELECT FROM export_row WHERE target_id = target.id AND state = 'written'"
            " AND (%(issues)s::text[] IS NULL OR row_key = ANY(%(issues)s))) ORDER BY 1",
            {"issues": sorted(issues) if issues is not None else None},
        ).fetchall()
    return [{"target": row[0], "spreadsheet": row[1] or "", "state": row[2]} for row in rows]


def sources_naming(work: Work) -> list[str]:
    """Return the ids of the sources whose settings name the person: these stay, and somebody has to decide on them."""
    with work.context.database.tenant_tx(work.tenant_id) as connection:
        rows = connection.execute("SELECT id::text, config::text, config_key FROM source ORDER BY id").fetchall()
    return [row[0] for row in rows if any(work.redactor.names(text) for text in row[1:])]


def finish(work: Work, erasure: Erasure) -> dict[str, object]:
    """Write the ledger and the receipt, forget who was meant, and return the receipt."""
    hashes = [identity_hash(work.key, kind, value).hex() for kind, value in work.person.identities]
    participants = [identity_hash(work.key, "participant", str(one)).hex() for one in work.person.participants]
    ledger_key = write_ledger(
        work.context,
        erasure,
        {
            "hashes": sorted([*hashes, *participants]),
            "key": _sealed_key(work.context, erasure, work.key),
        },
    )
    if erasure.actor.kind == "person" and erasure.actor.id == str(work.person.user_id):
        erasure = replace(erasure, actor=Actor("person", ""))
    receipt = receipt_of(
        work.context,
        erasure,
        dict(+work.counts),
        hashes=sorted(hashes),
        sheets_left=left_in_sheets(work.context, work.tenant_id, work.progress.issues),
    ) | {"sources_naming": sources_naming(work)}
    close(work.context, erasure, receipt, dict(+work.counts), ledger_key)
    return receipt


def write_ledger(context: Context, erasure: Erasure, subjects: dict[str, Any]) -> str:
    """Store what a restore needs to erase again: keyed hashes alone say who; returns the object's key."""
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
    context: Context,
    erasure: Erasure,
    counts: dict[str, int],
    hashes: list[str] | None = None,
    sheets_left: list[dict[str, str]] | None = None,
) -> dict[str, object]:
    """Return the receipt: what was removed from which store, when, for whom, and where it still is.

    It names nobody: who asked is an id, and none where a person's account may be gone with the tenant.
    """
    asked_by = "" if erasure.kind == TENANT and erasure.actor.kind == "person" else erasure.actor.id
    return {
        "format": FORMAT,
        "erasure": str(erasure.id),
        "tenant": str(erasure.tenant_id),
        "kind": erasure.kind,
        "requested_at": erasure.requested_at.isoformat(),
        "finished_at": now().isoformat(),
        "asked_by": {"kind": erasure.actor.kind, "id": asked_by},
        "subject_hashes": hashes or [],
        "counts": counts,
        "stores": by_store(counts),
        "sheets_left": sheets_left or [],
        "backups": backups_holding(context),
    }


def close(
    context: Context,
    erasure: Erasure,
    receipt: dict[str, object],
    counts: dict[str, int],
    ledger_key: str,
) -> None:
    """End an erasure with its receipt, and record it in the audit log."""
    digest = hashlib.sha256(json.dumps(receipt, sort_keys=True).encode()).digest()
    actor = erasure.actor
    if not actor.id or (actor.kind == "person" and erasure.kind == TENANT):
        actor = SYSTEM  # who is gone, or may be, cannot be named
    stores: dict[str, int] = by_store(counts)
    details: dict[str, Detail] = {"receipt": digest.hex(), **stores}
    entry = Entry(erasure.tenant_id, actor, f"{erasure.kind}.erased", Subject("erasure", str(erasure.id)), details)
    if erasure.kind == TENANT:
        with context.database.system_tx() as connection:
            record(connection, replace(entry, tenant_id=None))
        # Who is behind the ids of the tenant's own chain is forgotten, and nobody comes to be known in it again.
        entry = replace(entry, actor=SYSTEM)
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        connection.execute(
            "UPDATE erasure SET state = 'done', wanted = NULL, progress = '{}', receipt = %s, receipt_hash = %s,"
            " counts = %s, ledger_key = %s, error = '', finished_at = now(), actor_id = %s WHERE id = %s",
            (Jsonb(receipt), digest, Jsonb(counts), ledger_key, actor.id if actor is not SYSTEM else "", erasure.id),
        )
        if erasure.kind == TENANT:  # nobody can do any more what was asked for in the meantime
            connection.execute(
                "UPDATE erasure SET wanted = NULL, progress = '{}', error = '', actor_id = '', lease_until = NULL,"
                " state = CASE WHEN state = 'done' THEN state ELSE 'failed' END WHERE id <> %s",
                (erasure.id,),
            )
        record(connection, entry)
        jobs.end(connection, erasure.id, figures=stores)


def _sealed_key(context: Context, erasure: Erasure, key: bytes) -> str:
    return base64.b64encode(MasterKeys.of(context.settings).wrap(erasure.tenant_id, erasure.id, key)).decode()
