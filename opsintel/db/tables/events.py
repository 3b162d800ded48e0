"""Canonical messages, threads and the people in them."""

from pgvector.sqlalchemy import Vector  # noqa: F401  registers the type for reflection
from sqlalchemy import CheckConstraint, Computed, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR

from opsintel.db.tables.declaration import (
    BIG,
    BOOL,
    BYTES,
    DAY,
    INT,
    JSON_,
    OF_SOURCES,
    TEXT,
    TEXTS,
    TIME,
    UUID_,
    column,
    limited,
    limited_by_message,
    reference,
    tenant_table,
)

organization = tenant_table(
    "organization",
    "A customer's organisation, known by the domain of its people's addresses",
    column("domain", TEXT, "E-mail domain in lower case"),
    column("name", TEXT, "Name, where one is known", default="''"),
    UniqueConstraint("tenant_id", "domain"),
    retention="kept",
    erasure="row",
)

participant = tenant_table(
    "participant",
    "A person or mailbox that writes or receives messages; counted once over all channels",
    column("display_name", TEXT, "Name as last seen", default="''"),
    column("organization_id", UUID_, "Organisation, where the address tells", null=True),
    column("is_own", BOOL, "Whether one of the tenant's own people", default="false"),
    column("first_seen_at", TIME, "First message", null=True),
    reference("organization_id", "organization", on_delete="RESTRICT"),
    retention="kept",
    erasure="row",
    access=[
        limited(
            "EXISTS (SELECT FROM message WHERE message.tenant_id = participant.tenant_id"
            " AND message.author_id = participant.id)"
        )
    ],
)

participant_identity = tenant_table(
    "participant_identity",
    "The addresses of a participant: e-mail, Slack id, ...",
    column("kind", TEXT, "email, slack, zendesk, jira or name"),
    column("value", TEXT, "Normalised address"),
    column("participant_id", UUID_, "Whose address"),
    reference("participant_id", "participant"),
    Index("ix_participant_identity_participant", "tenant_id", "participant_id"),
    key=("kind", "value"),
    retention="with_parent",
    erasure="row",
    access=[
        limited(
            "EXISTS (SELECT FROM message WHERE message.tenant_id = participant_identity.tenant_id"
            " AND message.author_id = participant_identity.participant_id)"
        )
    ],
)

thread = tenant_table(
    "thread",
    "A conversation: what its messages share",
    column("key", TEXT, "The provider's thread id, or the first reference"),
    column("kind", TEXT, "email, chat or ticket"),
    column("subject", TEXT, "Subject of its first message", default="''"),
    column("first_at", TIME, "First message", null=True),
    column("last_at", TIME, "Latest message", null=True),
    UniqueConstraint("tenant_id", "kind", "key"),
    retention="with_parent",
    erasure="row",
)

message = tenant_table(
    "message",
    "A canonical message: one row however many places it was seen in",
    column("kind", TEXT, "email, chat or ticket"),
    column("partition_day", DAY, "UTC day of its partition; fixed when first stored"),
    column("occurred_at", TIME, "The provider's time, UTC; null when missing or absurd", null=True),
    column("occurred_at_flag", TEXT, "Why occurred_at is null: missing, absurd or future", default="''"),
    column("ingested_at", TIME, "When it was first stored", default="now()"),
    column(
        "sorted_at",
        TIME,
        "occurred_at, else ingested_at: the order of lists",
        Computed("COALESCE(occurred_at, ingested_at)", persisted=True),
    ),
    column("edited_at", TIME, "When it was last edited at the provider", null=True),
    column("deleted_at", TIME, "When its last occurrence went; the texts are then empty", null=True),
    column("rfc_message_id", TEXT, "Message-ID of a mail, without angle brackets", default="''"),
    column("content_hash", BYTES, "SHA-256 of canonical headers and body"),
    column("thread_id", UUID_, "Thread it belongs to", null=True),
    column("parent_key", TEXT, "Native id or Message-ID that it answers", default="''"),
    column("author_id", UUID_, "Who wrote it", null=True),
    column("recipients", JSON_, "Addresses it was sent to: kind, value, name", default="'[]'"),
    column("direction", TEXT, "inbound, outbound, internal or unknown"),
    column("visibility", TEXT, "public, or internal for help desk notes"),
    column("channel", TEXT, "Channel, folder or queue", default="''"),
    column("subject", TEXT, "Subject", default="''"),
    column("text", TEXT, "The new text alone", default="''"),
    column("quoted_text", TEXT, "Quoted text", default="''"),
    column("signature_text", TEXT, "Signature", default="''"),
    column("language", TEXT, "BCP 47; '' when too short to tell", default="''"),
    column("automatic", TEXT, "Class of automatic mail; null for a person's", null=True),
    column("automatic_reason", TEXT, "What told", default="''"),
    column("is_bot", BOOL, "Whether a bot wrote it", default="false"),
    column("opaque", TEXT, "smime, pgp or tnef where the body cannot be read", default="''"),
    column("defects", TEXTS, "What was wrong with the raw message", default="'{}'"),
    column("extra", JSON_, "Provider fields worth keeping, e.g. status, priority", default="'{}'"),
    column("revision", INT, "Raised with each edit", default="1"),
    column("selected", BOOL, "Whether any source it is still in selects it: only then is it analysed", default="true"),
    column("issue_checked_at", TIME, "When it first went through the issues' day step", null=True),
    column(
        "search",
        TSVECTOR(),
        "Full text of subject and new text",
        Computed("to_tsvector('simple', left(subject, 2000) || ' ' || left(text, 200000))", persisted=True),
    ),
    reference("thread_id", "thread", on_delete="RESTRICT"),
    reference("author_id", "participant", on_delete="RESTRICT"),
    CheckConstraint("kind IN ('email', 'chat', 'ticket')", name="kind"),
    Index("ix_message_time", "tenant_id", "occurred_at"),
    Index("ix_message_sorted", "tenant_id", "sorted_at", "id"),
    Index("ix_message_day", "tenant_id", "partition_day"),
    Index("ix_message_left_out", "tenant_id", "partition_day", postgresql_where=text("NOT selected")),
    Index("ix_message_rfc", "tenant_id", "rfc_message_id"),
    Index("ix_message_thread", "tenant_id", "thread_id"),
    Index("ix_message_author", "tenant_id", "author_id"),
    retention="tenant_window",
    erasure="row",
    access=[limited_by_message("message", "id")],
)

message_occurrence = tenant_table(
    "message_occurrence",
    "Each place a message was seen: a mail in two mailboxes is one message with two occurrences",
    column("source_id", UUID_, "Source"),
    column("native_id", TEXT, "The provider's own id there"),
    column("message_id", UUID_, "The message"),
    column("raw_payload_id", UUID_, "Payload of the version shown", null=True),
    column("version", TEXT, "That version"),
    column("channel", TEXT, "Channel, folder or queue there", default="''"),
    column("seen_at", TIME, "When it was first stored", default="now()"),
    column("deleted_at", TIME, "When it was deleted there", null=True),
    column("selected", BOOL, "Whether the filter of the source selects it; true where there is none", default="true"),
    reference("source_id", "source"),
    reference("message_id", "message"),
    reference("raw_payload_id", "raw_payload", on_delete="RESTRICT"),
    Index("ix_message_occurrence_message", "tenant_id", "message_id"),
    Index("ix_message_occurrence_payload", "tenant_id", "raw_payload_id"),
    key=("source_id", "native_id"),
    retention="with_parent",
    erasure="row",
    access=[limited(OF_SOURCES)],
)

message_revision = tenant_table(
    "message_revision",
    "Earlier texts of edited messages",
    column("message_id", UUID_, "The message"),
    column("revision", INT, "Number of this earlier revision"),
    column("subject", TEXT, "Subject then"),
    column("text", TEXT, "New text then"),
    column("replaced_at", TIME, "When the next revision was stored", default="now()"),
    reference("message_id", "message"),
    key=("message_id", "revision"),
    retention="with_parent",
    erasure="row",
    access=[limited_by_message("message_revision")],
)

attachment = tenant_table(
    "attachment",
    "Parts that are not text: named and measured, not read",
    column("message_id", UUID_, "The message"),
    column("position", INT, "Order within the message"),
    column("filename", TEXT, "File name", default="''"),
    column("content_type", TEXT, "Media type"),
    column("size", BIG, "Bytes"),
    column("inline", BOOL, "Whether shown within the text", default="false"),
    reference("message_id", "message"),
    key=("message_id", "position"),
    retention="with_parent",
    erasure="row",
    access=[limited_by_message("attachment")],
)

message_label = tenant_table(
    "message_label",
    "Labels, tags and folders of a message at its provider",
    column("message_id", UUID_, "The message"),
    column("label", TEXT, "Label"),
    reference("message_id", "message"),
    Index("ix_message_label_label", "tenant_id", "label"),
    key=("message_id", "label"),
    retention="with_parent",
    erasure="row",
    access=[limited_by_message("message_label")],
)

message_link = tenant_table(
    "message_link",
    "Links in the text of a message",
    column("message_id", UUID_, "The message"),
    column("position", INT, "Order within the message"),
    column("url", TEXT, "Target"),
    column("text", TEXT, "Text it was shown with", default="''"),
    reference("message_id", "message"),
    key=("message_id", "position"),
    retention="with_parent",
    erasure="row",
    access=[limited_by_message("message_link")],
)
