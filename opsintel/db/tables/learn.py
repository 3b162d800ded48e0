"""What people correct."""

from sqlalchemy import CheckConstraint, Index

from opsintel.db.tables.declaration import (
    JSON_,
    TEXT,
    TIME,
    UUID_,
    column,
    limited_by_message,
    reference,
    tenant_table,
)

correction = tenant_table(
    "correction",
    "What a person says of a message where its analysis says something else; it holds for every analysis to come",
    column("message_id", UUID_, "The message"),
    column(
        "field",
        TEXT,
        "kind, category, severity, sentiment, impact, urgency or not_actionable_reason; of several corrections of one"
        " the latest that is not undone holds",
    ),
    column("old_value", JSON_, "What was shown before; null where it was not analysed", null=True),
    column("new_value", JSON_, "What is shown instead; of not_actionable_reason null: somebody has to act"),
    column("reason", TEXT, "Why, in the author's words", default="''"),
    column("actor_kind", TEXT, "Who corrected: person or service_key"),
    column("actor_id", TEXT, "Id of the account or key"),
    column("created_at", TIME, "When", default="now()"),
    column("undone_at", TIME, "When it was taken back; null while it stands", null=True),
    reference("message_id", "message"),
    CheckConstraint(
        "field IN ('kind', 'category', 'severity', 'sentiment', 'impact', 'urgency', 'not_actionable_reason')",
        name="field",
    ),
    CheckConstraint("actor_kind IN ('person', 'service_key')", name="actor_kind"),
    Index("ix_correction_message", "tenant_id", "message_id", "field", "created_at"),
    Index("ix_correction_created", "tenant_id", "created_at", "id"),
    retention="with_parent",
    erasure="row",
    access=[limited_by_message("correction")],
)
