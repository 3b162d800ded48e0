"""fact_message_day and fact_participant_day."""

from __future__ import annotations

import polars as pl


def message_days(rows: pl.DataFrame) -> pl.DataFrame:
    """Return messages and sentiment by day, source, kind, severity and whether someone has to act."""
    return (
        rows.group_by("day", "source_id", "kind", "severity", "is_actionable")
        .agg(pl.len().alias("messages"), pl.col("sentiment").sum().alias("sentiment_sum"))
        .sort("day", "source_id", "kind", "severity", "is_actionable")
    )


def participant_days(rows: pl.DataFrame) -> pl.DataFrame:
    """Return actionable messages by day and customer."""
    return (
        rows.filter(pl.col("is_actionable") & pl.col("participant_id").is_not_null())
        .group_by("day", "participant_id")
        .agg(pl.len().alias("messages"))
        .sort("day", "participant_id")
    )
