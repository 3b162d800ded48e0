"""Columns and their lineage for the Dagster UI, from the tables' own declarations."""

from __future__ import annotations

from dagster import AssetKey, TableColumn, TableColumnDep, TableColumnLineage, TableSchema

from opsintel.db.tables import metadata as declared

TABLES = {
    "raw_messages": "raw_payload",
    "messages": "message",
    "analyses": "analysis",
    "issues": "issue_member",
    "marts": "fact_message_day",
    "sheet_exports": "export_row",
}
"""The table that each asset is above all."""

_LINEAGE = {
    "messages": {
        "occurred_at": ("raw_messages", "occurred_at"),
        "partition_day": ("raw_messages", "partition_day"),
        "channel": ("raw_messages", "channel"),
        "content_hash": ("raw_messages", "sha256"),
    },
    "analyses": {
        "message_id": ("messages", "id"),
        "partition_day": ("messages", "partition_day"),
        "title": ("messages", "text"),
        "summary": ("messages", "text"),
        "language": ("messages", "language"),
    },
    "issues": {"message_id": ("messages", "id")},
    "marts": {
        "day": ("messages", "sorted_at"),
        "source_id": ("raw_messages", "source_id"),
        "kind": ("analyses", "kind"),
        "severity": ("analyses", "severity"),
        "is_actionable": ("analyses", "is_actionable"),
        "sentiment_sum": ("analyses", "sentiment"),
        "messages": ("messages", "id"),
    },
    "sheet_exports": {"row_key": ("issues", "issue_id")},
}


def schema(asset: str) -> TableSchema:
    """Return the columns of an asset's table with types and comments."""
    table = declared.tables[TABLES[asset]]
    return TableSchema(
        columns=[TableColumn(c.name, type=str(c.type), description=c.comment or "") for c in table.columns]
    )


def lineage(asset: str) -> TableColumnLineage:
    """Return from which columns of earlier assets an asset's columns come."""
    return TableColumnLineage(
        {
            column: [TableColumnDep(AssetKey(source), source_column)]
            for column, (source, source_column) in _LINEAGE.get(asset, {}).items()
        }
    )
