"""Connections of a process's pool, by what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Figures = Callable[[], tuple[int, int, int]]
"""Gives (connections in use, idle ones, the most there may be)."""


class PoolGauge(Collector):
    """The pool as it is when asked."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def describe(self) -> list[Metric]:
        """Return no metrics, so that registering asks nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the connections by state."""
        used, idle, most = self._figures()
        metric = GaugeMetricFamily(
            "opsintel_db_pool_connections", "Connections of this process's pool, by state; max is its limit",
            labels=["state"],
        )  # fmt: skip
        for state, value in (("used", used), ("idle", idle), ("max", most)):
            metric.add_metric([state], value)
        yield metric
