"""Gauges that come from the database: read when Prometheus asks, at most every few seconds, at a bounded cost.

Each statement enters an index and reads no more than `MOST` rows, whatever the backlog: a count that has reached it
means "at least so many".
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import LiteralString, get_args

import psycopg
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opsintel.alerts.kinds import AlertKind
from opsintel.db.engine import Database
from opsintel.errors import OpsintelError
from opsintel.queue.wire import Reason

logger = logging.getLogger(__name__)

MOST = 10_000
KEPT_SECONDS = 5.0
LIMIT_SECONDS = 2
"""For each statement, by the server's own clock."""


@dataclass(frozen=True, slots=True)
class StoredGauge:
    """A gauge and its statement, which gives rows of (labels..., value); `always` are labels that are never absent."""

    name: str
    meaning: str
    statement: LiteralString
    labels: tuple[str, ...] = ()
    always: tuple[str, ...] = ()


_OLDEST_OUTBOX: LiteralString = """
    WITH RECURSIVE first_of (tenant_id, created_at) AS (
        (SELECT tenant_id, created_at FROM outbox ORDER BY tenant_id, id LIMIT 1)
        UNION ALL
        SELECT following.tenant_id, following.created_at FROM first_of CROSS JOIN LATERAL (
            SELECT tenant_id, created_at FROM outbox WHERE outbox.tenant_id > first_of.tenant_id
            ORDER BY tenant_id, id LIMIT 1) AS following)
    SELECT min(created_at) AS at FROM first_of
"""
"""The oldest row of each tenant, by its key: ids sort by time."""

GAUGES = (
    StoredGauge(
        "opsintel_oldest_unprocessed_seconds",
        "Age of the oldest accepted announcement whose work is not done; paused tenants wait on purpose and count too",
        f"""
        SELECT coalesce(extract(epoch FROM now() - least(
            (SELECT at FROM ({_OLDEST_OUTBOX}) AS oldest),
            (SELECT min(created_at) FROM work WHERE state = 'pending'),
            (SELECT min(created_at) FROM work WHERE state = 'batched'))), 0)
        """,
    ),
    StoredGauge(
        "opsintel_outbox_rows", "Rows in the outbox", "SELECT count(*) FROM (SELECT FROM outbox LIMIT %(most)s) AS r"
    ),
    StoredGauge(
        "opsintel_outbox_oldest_seconds",
        "Age of the oldest row in the outbox",
        f"SELECT coalesce(extract(epoch FROM now() - (SELECT at FROM ({_OLDEST_OUTBOX}) AS oldest)), 0)",
    ),
    StoredGauge(
        "opsintel_queue_rows",
        "Rows in the queue in PostgreSQL; 0 with a broker",
        "SELECT count(*) FROM (SELECT FROM queue_message LIMIT %(most)s) AS r",
    ),
    StoredGauge(
        "opsintel_work_rows",
        "Work in the ledger that is not done, by state",
        """
        SELECT 'pending', count(*) FROM (SELECT FROM work WHERE state = 'pending' LIMIT %(most)s) AS r
        UNION ALL
        SELECT 'batched', count(*) FROM (SELECT FROM work WHERE state = 'batched' LIMIT %(most)s) AS r
        UNION ALL
        SELECT 'failed', count(*) FROM (SELECT FROM work WHERE state = 'failed' LIMIT %(most)s) AS r
        """,
        ("state",),
    ),
    StoredGauge(
        "opsintel_work_failed_recently",
        "Work that was given up within the last hour",
        "SELECT count(*) FROM (SELECT FROM work WHERE state = 'failed' AND finished_at > now() - interval '1 hour'"
        " LIMIT %(most)s) AS r",
    ),
    StoredGauge(
        "opsintel_batches",
        "Batches that are open, and those that expired within the last hour",
        """
        SELECT 'open', count(*) FROM (SELECT FROM batch WHERE state = 'open' LIMIT %(most)s) AS r
        UNION ALL
        SELECT 'expired', count(*) FROM (
            SELECT FROM batch WHERE state = 'expired' AND finished_at > now() - interval '1 hour' LIMIT %(most)s) AS r
        """,
        ("state",),
    ),
    StoredGauge(
        "opsintel_quarantine_rows",
        "Announcements in quarantine that nobody has replayed, by reason",
        "SELECT reason, count(*) FROM (SELECT reason FROM quarantine WHERE replayed_at IS NULL LIMIT %(most)s) AS r"
        " GROUP BY reason",
        ("reason",),
        get_args(Reason),
    ),
    StoredGauge(
        "opsintel_ingest_failures_open",
        "Items that could not be read or normalised and still cannot, by kind of source",
        "SELECT kind, count(*) FROM (SELECT tenant_id, source_id FROM ingest_failure WHERE resolved_at IS NULL"
        " LIMIT %(most)s) AS r JOIN source ON source.tenant_id = r.tenant_id AND source.id = r.source_id GROUP BY kind",
        ("source_kind",),
    ),
    StoredGauge(
        "opsintel_sources",
        "Sources by kind and state",
        "SELECT kind, state, count(*) FROM (SELECT kind, state FROM source LIMIT %(most)s) AS r GROUP BY kind, state",
        ("source_kind", "state"),
    ),
    StoredGauge(
        "opsintel_alerts_open",
        "Alerts of tenants that are open, by kind",
        "SELECT kind, count(*) FROM (SELECT kind FROM alert WHERE resolved_at IS NULL LIMIT %(most)s) AS r"
        " GROUP BY kind",
        ("kind",),
        get_args(AlertKind),
    ),
    StoredGauge(
        "opsintel_export_lag_seconds",
        "Longest time since the last good export of a target that has something newer to export",
        """
        SELECT coalesce(max(extract(epoch FROM now() - coalesce(r.exported_at, r.created_at))), 0)
        FROM (SELECT * FROM (SELECT tenant_id, state, created_at, exported_at FROM export_target LIMIT %(most)s) AS t
              WHERE state <> 'paused') AS r
        JOIN data_version ON data_version.tenant_id = r.tenant_id
        WHERE r.exported_at IS NULL OR data_version.updated_at > r.exported_at
        """,
    ),
    StoredGauge(
        "opsintel_sensor_tick_age_seconds",
        "Time since Dagster's sensor last read the ledger; absent before its first tick",
        "SELECT extract(epoch FROM now() - seen_at) FROM sign_of_life WHERE process = 'ledger_sensor'",
    ),
)

UP = "opsintel_database_up"


class StoredGauges(Collector):
    """Reads the gauges of a database; a database that is away is told by `opsintel_database_up` alone."""

    def __init__(self, database: Database, gauges: Sequence[StoredGauge] = GAUGES) -> None:
        self._database = database
        self._gauges = gauges
        self._lock = threading.Lock()
        self._read_at = -KEPT_SECONDS
        self._kept: list[Metric] = []

    def describe(self) -> list[Metric]:
        """Return no metrics, so that registering reads nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as they are, or were up to `KEPT_SECONDS` ago."""
        with self._lock:
            if time.monotonic() - self._read_at >= KEPT_SECONDS:
                self._kept = list(self._read())
                self._read_at = time.monotonic()
            yield from self._kept

    def _read(self) -> Iterator[Metric]:
        read: list[Metric] = []
        up = GaugeMetricFamily(UP, "Whether the database answers, as the system's role")
        try:
            with self._database.system_tx() as connection:
                connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{LIMIT_SECONDS}s",))
                read = [_metric(connection, gauge) for gauge in self._gauges]
        except (psycopg.Error, OpsintelError) as error:
            logger.warning("metrics cannot be read: %s", type(error).__name__)
            read = []
        up.add_metric([], float(bool(read)))
        yield up
        yield from read


def _metric(connection: psycopg.Connection, gauge: StoredGauge) -> Metric:
    metric = GaugeMetricFamily(gauge.name, gauge.meaning, labels=gauge.labels)
    values: dict[tuple[str, ...], float] = {(label,): 0.0 for label in gauge.always}
    parameters = {"most": MOST} if "%(most)s" in gauge.statement else None
    for *labels, value in connection.execute(gauge.statement, parameters).fetchall():
        values[tuple(labels)] = float(value)
    for key, number in values.items():
        metric.add_metric(list(key), number)
    return metric
