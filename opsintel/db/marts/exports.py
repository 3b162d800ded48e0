"""What was exported, against what is in the database."""

from opsintel.db.marts.declaration import View, plain, words

_DIFFERENCE = """CASE
        WHEN export_row.state = 'deleted_by_person' THEN 'deleted by a person'
        WHEN export_row.state = 'withdrawn' THEN NULL
        WHEN issue.id IS NULL THEN 'no such issue any more'
        WHEN issue.merged_into IS NOT NULL THEN 'merged into another issue'
        WHEN export_row.state <> 'written' OR export_row.exported_at IS NULL THEN 'not written yet'
        WHEN issue.updated_at > export_row.exported_at THEN 'changed since'
    END"""

v_export_row = View(
    "v_export_row",
    "Rows of exports, and how they differ from the issues in the database",
    (
        plain("target_id", "export_row.target_id", "The export"),
        words("target_name", "export_target.name", "Its name"),
        plain("target_kind", "export_target.kind", "Its kind, e.g. google_sheet"),
        plain("issue_id", "export_row.row_key", "Key of the row: id of the issue"),
        plain("number", "issue.number", "Number of the issue; null where it is gone"),
        plain("state", "export_row.state", "planned, written, deleted_by_person or withdrawn"),
        plain("exported_at", "export_row.exported_at", "When the row was last written"),
        plain("difference", _DIFFERENCE, "How row and database differ; null where they agree"),
    ),
    """export_row
    JOIN export_target ON export_target.tenant_id = export_row.tenant_id AND export_target.id = export_row.target_id
    LEFT JOIN issue ON issue.tenant_id = export_row.tenant_id AND issue.id::text = export_row.row_key""",
)
