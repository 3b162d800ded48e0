"""Alerts: what rests until somebody sees to it."""

from sqlalchemy import CheckConstraint, Index, text

from opsintel.db.tables.declaration import INT, OF_SOURCES, TEXT, TIME, UUID_, UUIDS, column, limited, tenant_table

alert = tenant_table(
    "alert",
    "What rests until somebody sees to it: opened and resolved in the transactions in which that begins and ends",
    column("kind", TEXT, "key.invalid, budget.warning, budget.exhausted or source.unhealthy"),
    column("subject_kind", TEXT, "model_key, budget or source"),
    column("subject_id", UUID_, "Which of them; it may be gone since"),
    column("source_id", UUID_, "The source that it is about; null where it is the whole tenant", null=True),
    column("line", TEXT, "What is wrong and what to do; names nobody"),
    column("opened_at", TIME, "When it began", default="now()"),
    column("ends_at", TIME, "When it ends by itself: with the month of a ceiling; null for others", null=True),
    column("resolved_at", TIME, "When it ended; null while it lasts", null=True),
    column("quiet_until", TIME, "Until when it opens again instead of another; null: somebody mended it", null=True),
    column("tell_at", TIME, "From when its letters are sent (again), while nobody was told", default="now()"),
    column("attempts", INT, "How often that was tried", default="0"),
    column("told_ids", UUIDS, "Members who have their letter, while others have none", default="'{}'"),
    column("told_at", TIME, "When all letters were sent, or it stood in the log; null before", null=True),
    column("acknowledged_at", TIME, "When somebody took note of it", null=True),
    column("actor_kind", TEXT, "Who did: person, service_key, or system for the command line", null=True),
    column("actor_id", TEXT, "Id of the account or key", null=True),
    CheckConstraint("kind IN ('key.invalid', 'budget.warning', 'budget.exhausted', 'source.unhealthy')", name="kind"),
    CheckConstraint("subject_kind IN ('model_key', 'budget', 'source')", name="subject_kind"),
    CheckConstraint("actor_kind IN ('person', 'service_key', 'system')", name="actor_kind"),
    Index(
        "uq_alert_open", "tenant_id", "kind", "subject_id", unique=True, postgresql_where=text("resolved_at IS NULL")
    ),
    Index("ix_alert_subject", "tenant_id", "subject_id", "kind"),
    Index("ix_alert_resolved", "resolved_at", postgresql_where=text("resolved_at IS NOT NULL")),
    retention="when_done",
    erasure="with_tenant",
    system_select=(
        "tenant_id",
        "id",
        "kind",
        "ends_at",
        "resolved_at",
        "tell_at",
        "told_at",
        "acknowledged_at",
    ),
    system_write=("DELETE",),
    access=[limited(OF_SOURCES)],
)
