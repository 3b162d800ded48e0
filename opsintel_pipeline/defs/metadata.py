"""What people read beside a materialisation: figures, duration, and the way to the dashboard."""

from __future__ import annotations

from dagster import MetadataValue

from opsintel.partitions import Partition, StageResult

Metadata = dict[str, MetadataValue | int | float | str]


def of_result(partition: Partition, result: StageResult, seconds: float, dashboard_url: str) -> Metadata:
    """Return the metadata of one partition: rows, seconds, the stage's own figures, a link. Ids and numbers only."""
    day = partition.day.isoformat()
    return {
        **result.figures,
        "dagster/partition_row_count": result.rows,
        "seconds": round(seconds, 3),
        "dashboard": MetadataValue.url(f"{dashboard_url}/explore?from={day}&to={day}"),
    }
