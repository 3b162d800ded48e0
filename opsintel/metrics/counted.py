"""What processes count of themselves. No label holds a tenant, or anything a person wrote: each has few values."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

REGISTRY = CollectorRegistry()
"""Ours alone: what libraries put into the global one is not shown."""

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

REQUESTS = Counter("opsintel_http_requests", "Requests answered", ["method", "route", "status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "opsintel_http_request_seconds",
    "From a request to the end of its answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=REGISTRY,
)
RELAYED = Counter(
    "opsintel_announcements_relayed", "Outbox rows that the queue confirmed, doubles included", registry=REGISTRY
)
CONSUMED = Counter(
    "opsintel_announcements_consumed", "Deliveries taken into the ledger or quarantine", registry=REGISTRY
)
ROUND = Gauge("opsintel_worker_last_round_timestamp_seconds", "When the worker last ended a round", registry=REGISTRY)
ROUND_FAULTS = Counter(
    "opsintel_worker_round_faults", "Rounds that found the database or the queue away", registry=REGISTRY
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ELSEWHERE = "elsewhere"
"""Route of what no route of the API answers: the dashboard's files, and paths that are not there."""


def count_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count a request by the template of its route, never by its path."""
    labels = (method if method in METHODS else "other", route or ELSEWHERE)
    REQUESTS.labels(*labels, str(status)).inc()
    REQUEST_SECONDS.labels(*labels).observe(seconds)
