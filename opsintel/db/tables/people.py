"""Erasures of people and tenants, and who must not come back."""

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, text

from opsintel.db.tables.declaration import (
    BOOL,
    BYTES,
    INT,
    JSON_,
    TEXT,
    TIME,
    UUID_,
    column,
    control_table,
    tenant_table,
)

erasure = control_table(
    "erasure",
    "Erasures of a person or of a tenant: how far they are, and what they removed; stays when the tenant is gone",
    column("tenant_id", UUID_, "Tenant whose data is erased"),
    column("id", UUID_, "Identifier (UUIDv7)"),
    column("kind", TEXT, "person or tenant"),
    column("state", TEXT, "queued, running, done or failed", default="'queued'"),
    column("actor_kind", TEXT, "Who asked: person, service_key, operator or system"),
    column("actor_id", TEXT, "Their id; emptied when they are erased themselves"),
    column("wanted", JSON_, "Who is meant; null as soon as the erasure is done", null=True),
    column("dry_run", BOOL, "Whether it only says what would be removed", default="false"),
    column("dry_run_id", UUID_, "The dry run that it keeps to: what has changed since then stops it", null=True),
    column(
        "standing", BYTES, "Keyed hash of who was meant and of what was stored of them when it was asked", null=True
    ),
    column("fingerprint", BYTES, "Hash of the ids and figures of what a dry run found", null=True),
    column("progress", JSON_, "How far it is: ids and figures", default="'{}'"),
    column("counts", JSON_, "What was removed, by store", default="'{}'"),
    column("receipt", JSON_, "What was done or, in a dry run, would be; without the person; null before", null=True),
    column("receipt_hash", BYTES, "SHA-256 of the receipt", null=True),
    column("ledger_key", TEXT, "Object that has a restored back-up erased again", null=True),
    column("error", TEXT, "Why it failed, in words", default="''"),
    column("attempts", INT, "How often it was taken in hand", default="0"),
    column("requested_at", TIME, "When it was asked for", default="now()"),
    column("lease_until", TIME, "Until when a process has it in hand", null=True),
    column("finished_at", TIME, "When it ended", null=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "dry_run_id"),
    CheckConstraint("kind IN ('person', 'tenant')", name="kind"),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state"),
    Index("ix_erasure_open", "requested_at", postgresql_where=text("state IN ('queued', 'running')")),
    tenant_column="tenant_id",
    tenant_rights=("SELECT", "INSERT", "UPDATE"),
    system_select=("tenant_id", "id", "kind", "state", "lease_until", "requested_at", "finished_at"),
    system_write=(),
    retention="kept",
    erasure="none",
)

erasure_suppression = tenant_table(
    "erasure_suppression",
    "People who were erased, by keyed hashes of their addresses: their messages are erased on arrival",
    column("hash", BYTES, "HMAC-SHA256 of kind and address under the tenant's own key"),
    column("erasure_id", UUID_, "The erasure"),
    key=("hash",),
    retention="kept",
    erasure="none",
)
