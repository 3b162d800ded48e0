"""Tenants, people, credentials and sources."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, text

from opsintel.db.tables.declaration import (
    BYTES,
    INT,
    JSON_,
    TEXT,
    TIME,
    UUID_,
    column,
    control_table,
    reference,
    tenant_table,
)

tenant = control_table(
    "tenant",
    "A customer of the installation: the boundary that row security enforces",
    column("id", UUID_, "Identifier (UUIDv7)"),
    column("slug", TEXT, "Short name in partition keys and addresses; names nobody; [a-z0-9-]"),
    column("name", TEXT, "Name shown to people"),
    column("language", TEXT, "Language of titles and summaries, BCP 47", default="'en'"),
    column(
        "window_days",
        INT,
        "Days before today that have partitions of their own; older ones share the archive day",
        default="365",
    ),
    column(
        "own_domains",
        JSON_,
        "E-mail domains and addresses of the tenant's own people: they tell direction",
        default="'[]'",
    ),
    column("created_at", TIME, "When the tenant was created", default="now()"),
    column("suspended_at", TIME, "When the operator suspended it; null while active", null=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("slug"),
    CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug"),
    tenant_column="id",
)

app_user = control_table(
    "app_user",
    "A person who can log in; may be a member of several tenants",
    column("id", UUID_, "Identifier (UUIDv7)"),
    column("email", TEXT, "E-mail address in lower case"),
    column("name", TEXT, "Name shown to people", default="''"),
    column("password_hash", TEXT, "argon2id hash"),
    column("created_at", TIME, "When the account was made", default="now()"),
    column("disabled_at", TIME, "When it was disabled; null while active", null=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("email"),
    CheckConstraint("email = lower(email)", name="email_lower"),
)

membership = tenant_table(
    "membership",
    "Which person has which role in which tenant",
    column("user_id", UUID_, "The person"),
    column("role", TEXT, "owner, admin, analyst or viewer"),
    column("created_at", TIME, "When the person joined", default="now()"),
    ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
    CheckConstraint("role IN ('owner', 'admin', 'analyst', 'viewer')", name="role"),
    Index("ix_membership_user_id", "user_id"),
    key=("user_id",),
    retention="kept",
    erasure="row",
    system_select=("*",),
    system_write=("*",),
)

refresh_token = control_table(
    "refresh_token",
    "Refresh tokens, hashed; a family is one log-in",
    column("id", UUID_, "Identifier (UUIDv7)"),
    column("user_id", UUID_, "Whose token"),
    column("tenant_id", UUID_, "Tenant the session is in"),
    column("family_id", UUID_, "The log-in it descends from"),
    column("token_hash", BYTES, "SHA-256 of the token"),
    column("created_at", TIME, "When it was issued", default="now()"),
    column("expires_at", TIME, "When it ends by itself"),
    column("replaced_at", TIME, "When a successor was issued", null=True),
    column("revoked_at", TIME, "When the family was revoked", null=True),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("token_hash"),
    ForeignKeyConstraint(["user_id"], ["app_user.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.id"], ondelete="CASCADE"),
    Index("ix_refresh_token_family_id", "family_id"),
)

data_key = tenant_table(
    "data_key",
    "A tenant's data keys, each wrapped by the installation's master key",
    column("master_key_id", TEXT, "Which master key wraps it"),
    column("wrapped", BYTES, "The data key, sealed (envelope format v1)"),
    column("created_at", TIME, "When it was made", default="now()"),
    column("retired_at", TIME, "When a newer key took over; still opens old values", null=True),
    Index("uq_data_key_current", "tenant_id", unique=True, postgresql_where=text("retired_at IS NULL")),
    retention="with_tenant",
    erasure="with_tenant",
    system_select=("tenant_id", "id", "master_key_id"),
)

secret = tenant_table(
    "secret",
    "Credentials, sealed with the tenant's data key; the value is never shown again",
    column("purpose", TEXT, "What it is for, e.g. sheets.service_account"),
    column("sealed", BYTES, "Sealed value (envelope format v1)"),
    column("data_key_id", UUID_, "Data key that seals it"),
    column("version", INT, "Raised with each new value; bound into the seal", default="1"),
    column("created_at", TIME, "When it was stored", default="now()"),
    column("updated_at", TIME, "When the value last changed", default="now()"),
    reference("data_key_id", "data_key", on_delete="RESTRICT"),
    retention="kept",
    erasure="row",
)

source = tenant_table(
    "source",
    "A connected mailbox, workspace, help desk or file",
    column("kind", TEXT, "Connector kind, e.g. mbox, slack_export, csv_file"),
    column("name", TEXT, "Name shown to people"),
    column("config", JSON_, "Configuration by the connector's model; holds no secret"),
    column("config_key", TEXT, "What makes it the same source again, e.g. the resolved path"),
    column("secret_id", UUID_, "Credential, where it has one", null=True),
    column("state", TEXT, "active, paused, failing or disabled", default="'active'"),
    column("detail", TEXT, "Why it is in that state, in words", default="''"),
    column("created_at", TIME, "When it was connected", default="now()"),
    column("last_sync_at", TIME, "When a read last ended well", null=True),
    reference("secret_id", "secret", on_delete="RESTRICT"),
    UniqueConstraint("tenant_id", "kind", "config_key"),
    CheckConstraint("state IN ('active', 'paused', 'failing', 'disabled')", name="state"),
    retention="kept",
    erasure="none",
    system_select=("tenant_id", "id", "kind", "state", "last_sync_at"),
)

source_state = tenant_table(
    "source_state",
    "How far each stream of a source has been read; moves in the transaction of its rows",
    column("source_id", UUID_, "The source"),
    column("stream", TEXT, "Stream of the connector"),
    column("cursor", JSON_, "The connector's own cursor"),
    column("updated_at", TIME, "When it last moved", default="now()"),
    reference("source_id", "source"),
    key=("source_id", "stream"),
    retention="with_parent",
    erasure="none",
)
