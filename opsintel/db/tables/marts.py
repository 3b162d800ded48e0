"""Roll-ups that the dashboard reads: rebuilt by day from the rows beneath them."""

from sqlalchemy import Index, PrimaryKeyConstraint  # noqa: F401

from opsintel.db.tables.declaration import (
    BIG,
    BOOL,
    DAY,
    INT,
    OF_SOURCES,
    SMALL,
    TEXT,
    TIME,
    UUID_,
    column,
    limited,
    reference,
    tenant_table,
)

fact_message_day = tenant_table(
    "fact_message_day",
    "Messages by day, source, kind of request and severity",
    column("day", DAY, "UTC day of the partition"),
    column("source_id", UUID_, "First source it was seen in"),
    column("kind", TEXT, "Kind found by the analysis; '' when not analysed"),
    column("severity", SMALL, "1 to 5; 0 when not analysed"),
    column("is_actionable", BOOL, "Whether someone has to do something"),
    column("messages", INT, "Messages"),
    column("sentiment_sum", INT, "Sum of sentiments, -2 to 2 each"),
    reference("source_id", "source"),
    key=("day", "source_id", "kind", "severity", "is_actionable"),
    by_month="day",
    retention="rebuilt",
    erasure="recomputed",
    access=[limited(OF_SOURCES)],
)

fact_participant_day = tenant_table(
    "fact_participant_day",
    "Who wrote actionable messages on a day: for unique customers over any span",
    column("day", DAY, "UTC day"),
    column("participant_id", UUID_, "The customer"),
    column("messages", INT, "Actionable messages"),
    reference("participant_id", "participant"),
    key=("day", "participant_id"),
    by_month="day",
    retention="rebuilt",
    erasure="recomputed",
)

fact_issue_day = tenant_table(
    "fact_issue_day",
    "Issues by day",
    column("day", DAY, "UTC day"),
    column("issue_id", UUID_, "The issue"),
    column("messages", INT, "Members of that day"),
    column("unique_participants", INT, "Customers among their authors"),
    column("unique_organizations", INT, "Organisations among them"),
    column("sev1", INT, "Members of severity 1", default="0"),
    column("sev2", INT, "Members of severity 2", default="0"),
    column("sev3", INT, "Members of severity 3", default="0"),
    column("sev4", INT, "Members of severity 4", default="0"),
    column("sev5", INT, "Members of severity 5", default="0"),
    column("sentiment_sum", INT, "Sum of sentiments", default="0"),
    reference("issue_id", "issue"),
    Index("ix_fact_issue_day_issue", "tenant_id", "issue_id", "day"),
    key=("day", "issue_id"),
    by_month="day",
    retention="rebuilt",
    erasure="recomputed",
)

fact_source_day = tenant_table(
    "fact_source_day",
    "Completeness by source and day: counted at the provider, stored, analysed, exported",
    column("day", DAY, "UTC day"),
    column("source_id", UUID_, "The source"),
    column("census", INT, "Items the provider held when last counted; null when never", null=True),
    column("stored", INT, "Items stored", default="0"),
    column("normalized", INT, "Messages made of them", default="0"),
    column("analysed", INT, "Messages analysed", default="0"),
    column("left_out", INT, "Messages that are not analysed, as no filter selects them", default="0"),
    column("exported", INT, "Messages whose issue stands in an export", default="0"),
    column("failed", INT, "Failures that are open", default="0"),
    column("counted_at", TIME, "When the census was taken", null=True),
    reference("source_id", "source"),
    key=("day", "source_id"),
    by_month="day",
    retention="rebuilt",
    erasure="recomputed",
    access=[limited(OF_SOURCES)],
)

data_version = tenant_table(
    "data_version",
    "Raised whenever a tenant's marts change: the ETag of the read API",
    column("version", BIG, "Counter"),
    column("updated_at", TIME, "When it last rose", default="now()"),
    key=(),
    retention="kept",
    erasure="none",
    system_select=("tenant_id", "updated_at"),
    access=[limited("true")],
)
