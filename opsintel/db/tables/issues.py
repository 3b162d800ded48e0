"""Issues: recurring problems of a tenant, with a reason for every membership."""

from pgvector.sqlalchemy import Vector
from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text

from opsintel.db.tables.declaration import (
    BOOL,
    INT,
    JSON_,
    REAL,
    SMALL,
    TEXT,
    TEXTS,
    TIME,
    UUID_,
    UUIDS,
    column,
    limited,
    limited_by_message,
    reference,
    tenant_table,
)

issue = tenant_table(
    "issue",
    "A recurring problem of one tenant, whatever the channel",
    column("number", INT, "Number within the tenant, never used twice"),
    column("title", TEXT, "Title"),
    column("title_method", TEXT, "Who made the title: phrase, model or person"),
    column("title_pinned", BOOL, "Whether a person set it; nothing changes it then", default="false"),
    column("named_from", UUIDS, "Members whose headlines a model read for the title; empty: none did", default="'{}'"),
    column("named_at_messages", INT, "Members it had when a model named it", default="0"),
    column("summary", TEXT, "What it is about", default="''"),
    column("example_message_id", UUID_, "Most typical member", null=True),
    column("category", TEXT, "Category of most of its members", default="''"),
    column("severity", SMALL, "1 (worst) to 5: from its members, or pinned"),
    column("severity_pinned", BOOL, "Whether a person set it", default="false"),
    column("state", TEXT, "new, ongoing, escalating, regressed, resolved or archived", default="'new'"),
    column("first_seen", TIME, "First member", null=True),
    column("last_seen", TIME, "Latest member", null=True),
    column("messages", INT, "Members now", default="0"),
    column("customers", INT, "Unique participants among them, the tenant's own people left out", default="0"),
    column("sources", TEXTS, "Kinds of the sources that its members were seen in", default="'{}'"),
    column("assignee_id", UUID_, "Person who takes care", null=True),
    column("merged_into", UUID_, "Issue it was merged into; its id and number stay as aliases", null=True),
    column("resolved_at", TIME, "When it was last resolved", null=True),
    column("centroid", Vector(), "Mean of its members' vectors", null=True),
    column("model_version", TEXT, "Embedder of the centroid", null=True),
    column("created_at", TIME, "When it was first formed", default="now()"),
    column("updated_at", TIME, "When anything of it last changed", default="now()"),
    reference("example_message_id", "message", on_delete="NO ACTION"),
    reference("merged_into", "issue", on_delete="NO ACTION"),
    UniqueConstraint("tenant_id", "number"),
    CheckConstraint("severity BETWEEN 1 AND 5", name="severity"),
    CheckConstraint("state IN ('new', 'ongoing', 'escalating', 'regressed', 'resolved', 'archived')", name="state"),
    Index("ix_issue_last_seen", "tenant_id", "last_seen", "id", postgresql_where=text("merged_into IS NULL")),
    retention="kept",
    erasure="recomputed",
    access=[
        limited(
            "EXISTS (SELECT FROM issue_member AS member WHERE member.tenant_id = issue.tenant_id"
            " AND member.issue_id = issue.id AND member.removed_at IS NULL)"
        )
    ],
)

issue_member = tenant_table(
    "issue_member",
    "Why a message is in an issue; removed memberships stay readable",
    column("issue_id", UUID_, "The issue"),
    column("message_id", UUID_, "The message"),
    column("method", TEXT, "centroid, cluster, thread, constraint or consolidation"),
    column("distance", REAL, "Cosine distance to the issue's centroid when it was assigned"),
    column("runner_up_issue_id", UUID_, "Next nearest issue", null=True),
    column("runner_up_distance", REAL, "Distance to it", null=True),
    column("decided_by", TEXT, "Constraint or person that decided it, where one did", null=True),
    column("model_version", TEXT, "Embedder used"),
    column("added_at", TIME, "When it joined", default="now()"),
    column("removed_at", TIME, "When it left; null while a member", null=True),
    reference("issue_id", "issue"),
    reference("message_id", "message"),
    Index(
        "uq_issue_member_current", "tenant_id", "message_id", unique=True, postgresql_where=text("removed_at IS NULL")
    ),
    Index("ix_issue_member_issue", "tenant_id", "issue_id", postgresql_where=text("removed_at IS NULL")),
    Index("ix_issue_member_message", "tenant_id", "message_id"),
    retention="with_parent",
    erasure="row",
    access=[limited_by_message("issue_member")],
)

issue_constraint = tenant_table(
    "issue_constraint",
    "Permanent decisions of people: these two messages belong together, or never do",
    column("kind", TEXT, "must or cannot"),
    column("message_a_id", UUID_, "One message"),
    column("message_b_id", UUID_, "The other"),
    column("author_id", UUID_, "Who decided", null=True),
    column("reason", TEXT, "Why", default="''"),
    column("created_at", TIME, "When", default="now()"),
    reference("message_a_id", "message"),
    reference("message_b_id", "message"),
    CheckConstraint("kind IN ('must', 'cannot')", name="kind"),
    UniqueConstraint("tenant_id", "kind", "message_a_id", "message_b_id"),
    retention="kept",
    erasure="row",
)

issue_event = tenant_table(
    "issue_event",
    "History of an issue: created, grown, merged, split, renamed, resolved, regressed",
    column("issue_id", UUID_, "The issue"),
    column("at", TIME, "When", default="now()"),
    column("kind", TEXT, "What happened"),
    column("detail", JSON_, "Ids and figures of it", default="'{}'"),
    column("actor", TEXT, "pipeline, or the id of a person", default="'pipeline'"),
    reference("issue_id", "issue"),
    Index("ix_issue_event_issue", "tenant_id", "issue_id", "at"),
    retention="with_parent",
    erasure="row",
    access=[limited("false")],
)
