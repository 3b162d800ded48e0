"""Partitions: a UTC day of a tenant, and what a stage gives back for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from opsintel.clock import is_plausible, now

ARCHIVE_DAY = date(1970, 1, 1)
"""The one partition that all days before a tenant's window share."""

LIVE_WINDOW_DAYS = 365
"""Days that have Dagster partitions; the ledger runs older ones with the same functions."""

StageName = Literal["raw_messages", "messages", "analyses", "issues", "marts", "sheet_exports"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)
"""The stages in their order, each named as the asset it makes; work may begin at any of them."""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """A UTC day of one tenant."""

    day: date
    tenant_id: UUID
    tenant_slug: str

    @property
    def key(self) -> str:
        """Return the Dagster partition key: `2026-11-23|acme`."""
        return f"{self.day.isoformat()}|{self.tenant_slug}"

    @property
    def is_live(self) -> bool:
        """Tell whether the day lies in the window that Dagster shows."""
        today = now().date()
        return today - timedelta(days=LIVE_WINDOW_DAYS) < self.day <= today + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage did for one partition: rows written or confirmed, and figures for people."""

    rows: int
    figures: dict[str, int | float | str] = field(default_factory=dict)


def partition_day(occurred_at: datetime | None, ingested_at: datetime, window_days: int) -> date:
    """Return the day a new message belongs to: that of a believable event time, else of its ingestion.

    Days before the tenant's window share `ARCHIVE_DAY`, so that ancient mail opens no thousands of partitions.
    """
    if occurred_at is None or not is_plausible(occurred_at, at=ingested_at):
        return ingested_at.date()
    oldest = ingested_at.date() - timedelta(days=window_days)
    return occurred_at.date() if occurred_at.date() > oldest else ARCHIVE_DAY
