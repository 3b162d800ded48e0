"""The audit log: a hash chain for each tenant, its heads, and who is behind its opaque ids."""

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint

from opsintel.db.tables.declaration import BIG, BYTES, JSON_, TEXT, TIME, UUID_, column, control_table

audit_log = control_table(
    "audit_log",
    "Acts that change rights, policies, sources or secrets, or reveal text: append-only, a hash chain for each tenant;"
    " the database sets seq, at, prev_hash and hash",
    column("tenant_id", UUID_, "Tenant whose chain it is; all zeros for acts on the installation itself"),
    column("seq", BIG, "Place in the chain, from 1 on without a gap"),
    column("at", TIME, "When it was recorded"),
    column("actor_kind", TEXT, "person, service_key, operator, analyst or system"),
    column("actor_id", TEXT, "Who did it: an opaque id"),
    column("action", TEXT, "What was done: a dotted verb, e.g. member.role_changed"),
    column("subject_kind", TEXT, "Kind of what it was done to, e.g. person, service_key, source"),
    column("subject_id", TEXT, "What it was done to: an opaque id"),
    column("details", JSON_, "Ids and figures; never personal data", default="'{}'"),
    column("prev_hash", BYTES, "Hash of the entry before; 32 zero bytes for the first"),
    column("hash", BYTES, "SHA-256 of the other columns, each with its length before it"),
    PrimaryKeyConstraint("tenant_id", "seq"),
    CheckConstraint("seq > 0", name="seq"),
    CheckConstraint("actor_kind IN ('person', 'service_key', 'operator', 'analyst', 'system')", name="actor_kind"),
    CheckConstraint("action ~ '^[a-z][a-z_]*([.][a-z][a-z_]*)+$'", name="action"),
    CheckConstraint("subject_kind ~ '^[a-z][a-z_]*$'", name="subject_kind"),
    Index("ix_audit_log_action", "tenant_id", "action", "seq"),
    Index("ix_audit_log_actor", "tenant_id", "actor_id", "seq"),
    Index("ix_audit_log_subject", "tenant_id", "subject_id", "seq"),
    Index("ix_audit_log_at", "tenant_id", "at"),
    tenant_column="tenant_id",
    tenant_rights=("SELECT", "INSERT"),
    system_write=("INSERT",),
    retention="kept",
    erasure="mapping",
)

audit_head = control_table(
    "audit_head",
    "The newest entry of each chain: its lock gives every entry a place of its own; written by the log's trigger alone",
    column("tenant_id", UUID_, "Tenant whose chain it is"),
    column("seq", BIG, "Place of the newest entry; 0 before the first"),
    column("hash", BYTES, "Its hash"),
    PrimaryKeyConstraint("tenant_id"),
    tenant_column="tenant_id",
    tenant_rights=("SELECT",),
    system_write=(),
    written_by_owner=True,
    retention="kept",
    erasure="none",
)

audit_subject = control_table(
    "audit_subject",
    "Who is behind an opaque id of the audit log; erasure deletes the row, and the chain stays whole",
    column("tenant_id", UUID_, "Tenant whose chain it is"),
    column("subject_id", UUID_, "The opaque id, random"),
    column("kind", TEXT, "person, participant, operator or analyst"),
    column("reference", TEXT, "Who it is: id of an account or participant, or the operator's or analyst's name"),
    PrimaryKeyConstraint("tenant_id", "subject_id"),
    UniqueConstraint("tenant_id", "kind", "reference"),
    tenant_column="tenant_id",
    tenant_rights=("SELECT", "DELETE"),
    system_write=("DELETE",),
    written_by_owner=True,
    retention="kept",
    erasure="row",
)
