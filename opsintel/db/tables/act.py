"""Exports: targets, and the ledger of what was written there."""

from sqlalchemy import CheckConstraint

from opsintel.db.tables.declaration import BYTES, INT, JSON_, TEXT, TIME, UUID_, column, reference, tenant_table

export_target = tenant_table(
    "export_target",
    "Where a tenant's rows are published, e.g. a Google Sheet",
    column("kind", TEXT, "google_sheet"),
    column("name", TEXT, "Name shown to people"),
    column("config", JSON_, "Spreadsheet id, worksheet, what a deleted row does"),
    column("secret_id", UUID_, "Sealed credential, where it brings its own", null=True),
    column("state", TEXT, "active, paused or failing", default="'active'"),
    column("detail", TEXT, "Why it is in that state", default="''"),
    column("created_at", TIME, "When it was set up", default="now()"),
    column("exported_at", TIME, "When an export last ended well", null=True),
    reference("secret_id", "secret", on_delete="RESTRICT"),
    CheckConstraint("state IN ('active', 'paused', 'failing')", name="state"),
    retention="kept",
    erasure="row",
    system_select=("tenant_id", "id", "state", "created_at", "exported_at"),
)

export_row = tenant_table(
    "export_row",
    "What was written to a target: row key, hash of the row, where it stands",
    column("target_id", UUID_, "The target"),
    column("row_key", TEXT, "Stable key, also in the sheet's hidden column"),
    column("row_hash", BYTES, "SHA-256 of the cells last written"),
    column("row_number", INT, "Row in the sheet when last written; people may move it", null=True),
    column("state", TEXT, "planned, written, deleted_by_person or withdrawn"),
    column("exported_at", TIME, "When it was last written", null=True),
    column("trace_id", TEXT, "Trace that had it written last", null=True),
    reference("target_id", "export_target"),
    key=("target_id", "row_key"),
    retention="with_parent",
    erasure="row",
)
