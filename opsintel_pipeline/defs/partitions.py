"""Partitions of the assets: a UTC day of a tenant, in a rolling window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from dagster import DailyPartitionsDefinition, DynamicPartitionsDefinition, MultiPartitionsDefinition

from opsintel.clock import today
from opsintel.errors import InputError
from opsintel.partitions import LIVE_WINDOW_DAYS, Partition
from opsintel.tenants import Tenant

tenants = DynamicPartitionsDefinition(name="tenants")
"""The tenants' slugs; the sensor adds new ones, and removes those of tenants that are gone."""

days = DailyPartitionsDefinition(start_date=str(today() - timedelta(days=LIVE_WINDOW_DAYS - 1)), end_offset=2)
"""UTC days of the live window. Today and tomorrow count: a sender's clock may run ahead by up to a day."""

tenant_days = MultiPartitionsDefinition({"day": days, "tenant": tenants})
"""Keys such as `2026-11-23|acme`: dimensions are joined in the order of their names."""


def parse_keys(keys: Sequence[str], known: Sequence[Tenant]) -> list[Partition]:
    """Return the partitions of asset partition keys; `InputError` for a tenant that is not there (any more)."""
    by_slug = {tenant.slug: tenant.id for tenant in known}
    partitions = []
    for key in keys:
        day, _, slug = str(key).partition("|")
        if slug not in by_slug:
            raise InputError(f"There is no tenant '{slug}'", remedy="Choose partitions of a tenant that exists")
        partitions.append(Partition(date.fromisoformat(day), by_slug[slug], slug))
    return partitions
