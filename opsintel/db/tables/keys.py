"""Service keys: how programs come to the API."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text

from opsintel.db.tables.declaration import BYTES, TEXT, TEXTS, TIME, UUID_, UUIDS, column, tenant_table

api_key = tenant_table(
    "api_key",
    "Service keys: only their hashes are kept; a key never does more than its maker may do now",
    column("name", TEXT, "What it is for, as its maker called it"),
    column("prefix", TEXT, "First characters of the value, so that people can tell which it is"),
    column("hash", BYTES, "SHA-256 of the value"),
    column("previous_hash", BYTES, "SHA-256 of the value before the last rotation", null=True),
    column("previous_until", TIME, "Until when the value before is taken as well", null=True),
    column("scopes", TEXTS, "What it may do"),
    column("source_ids", UUIDS, "Sources whose messages it sees; null: all", null=True),
    column("created_by", UUID_, "Person who made it or rotated it last; null when the account is gone", null=True),
    column("created_at", TIME, "When it was made", default="now()"),
    column("rotated_at", TIME, "When it last got another value", null=True),
    column("expires_at", TIME, "When it ends by itself"),
    column("last_used_at", TIME, "When it was last used, to the minute", null=True),
    column("revoked_at", TIME, "When it was taken back", null=True),
    ForeignKeyConstraint(["created_by"], ["app_user.id"], ondelete="SET NULL"),
    CheckConstraint("cardinality(scopes) > 0", name="scopes"),
    CheckConstraint("source_ids IS NULL OR cardinality(source_ids) > 0", name="source_ids"),
    Index("ix_api_key_hash", "hash"),
    Index("ix_api_key_previous_hash", "previous_hash", postgresql_where=text("previous_hash IS NOT NULL")),
    Index("ix_api_key_created_by", "created_by"),
    retention="kept",
    erasure="row",
    system_select=("*",),
    system_write=("last_used_at",),
)
