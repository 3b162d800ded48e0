"""fact_issue_day."""

from __future__ import annotations

import polars as pl


def issue_days(rows: pl.DataFrame) -> pl.DataFrame:
    """Return members, customers, organisations, severities and sentiment by day and issue."""
    severities = [(pl.col("severity") == level).sum().alias(f"sev{level}") for level in range(1, 6)]
    return (
        rows.filter(pl.col("issue_id").is_not_null())
        .group_by("day", "issue_id")
        .agg(
            pl.len().alias("messages"),
            pl.col("participant_id").drop_nulls().n_unique().alias("unique_participants"),
            pl.col("organization_id").drop_nulls().n_unique().alias("unique_organizations"),
            *severities,
            pl.col("sentiment").sum().alias("sentiment_sum"),
        )
        .sort("day", "issue_id")
    )
