"""What is known about objects beyond the rows that refer to them."""

from opsintel.db.tables.declaration import TEXT, TIME, column, tenant_table

orphan_object = tenant_table(
    "orphan_object",
    "Objects that no row referred to when they were last listed; removed after the grace period",
    column("object_key", TEXT, "Key in the object store"),
    column("found_at", TIME, "When it was first found without a reference", default="now()"),
    key=("object_key",),
    retention="when_done",
    erasure="with_tenant",
)
