"""Filters that a tenant keeps by name, and every version of each."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text

from opsintel.db.tables.declaration import INT, JSON_, TEXT, TIME, UUID_, column, reference, tenant_table


def _maker() -> tuple[ForeignKeyConstraint, ForeignKeyConstraint]:
    return (
        ForeignKeyConstraint(["created_by"], ["app_user.id"], ondelete="SET NULL"),
        reference("service_key_id", "api_key", on_delete="NO ACTION"),
    )


filter_ = tenant_table(
    "filter",
    "Filters that people keep by name; what one says is in its versions",
    column("name", TEXT, "Name shown to people"),
    column("version", INT, "Number of its newest version"),
    column("created_by", UUID_, "Person who made it; null for a service key or the operator", null=True),
    column("service_key_id", UUID_, "Service key that made it", null=True),
    column("created_at", TIME, "When it was made", default="now()"),
    column("archived_at", TIME, "When it was put away; its versions stay readable", null=True),
    *_maker(),
    CheckConstraint("version > 0", name="version"),
    Index("uq_filter_name", "tenant_id", "name", unique=True, postgresql_where=text("archived_at IS NULL")),
    Index("ix_filter_created_by", "created_by", postgresql_where=text("created_by IS NOT NULL")),
    retention="kept",
    erasure="row",
)

filter_version = tenant_table(
    "filter_version",
    "What a filter said, version by version: none is ever changed",
    column("filter_id", UUID_, "The filter"),
    column("version", INT, "1, and one more with each change"),
    column("tree", JSON_, "The syntax tree with the version of its form"),
    column("text", TEXT, "The same as text; '' matches everything"),
    column("created_by", UUID_, "Person who wrote it; null for a service key or the operator", null=True),
    column("service_key_id", UUID_, "Service key that wrote it", null=True),
    column("created_at", TIME, "When it was written", default="now()"),
    reference("filter_id", "filter"),
    *_maker(),
    CheckConstraint("version > 0", name="version"),
    Index("ix_filter_version_created_by", "created_by", postgresql_where=text("created_by IS NOT NULL")),
    key=("filter_id", "version"),
    retention="with_parent",
    erasure="row",
)
