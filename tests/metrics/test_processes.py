"""What processes count, and the listener that shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from pathlib import Path
from urllib.request import urlopen
from uuid import UUID

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from opsintel.clock import today
from opsintel.db.engine import Database
from opsintel.errors import InputError
from opsintel.metrics import counted
from opsintel.metrics.pools import PoolGauge
from opsintel.metrics.server import serving_metrics
from opsintel.metrics.stored import GAUGES, UP, StoredGauges
from opsintel.queue.outbox import announce_days
from opsintel.queue.postgres import PostgresQueue
from opsintel.tenants import create_tenant
from opsintel_api.app import build_api
from opsintel_pipeline.worker import loop

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"


def value(name: str, **labels: str) -> float:
    return counted.REGISTRY.get_sample_value(name, labels) or 0.0


class TestRequests:
    async def test_are_counted_by_the_template_of_their_route(self) -> None:
        transport = httpx.ASGITransport(build_api(), raise_app_exceptions=False)
        healthy = {"method": "GET", "route": "/healthz", "status": "200"}
        before = value("opsintel_http_requests_total", **healthy)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.get("/healthz")
            await client.get("/v1/issues/01a20fc8-86b1-7000-bd33-79e3d185e6bd")
            await client.get("/wp-login.php?user=jane")
            await client.request("BREW", "/tea")
        assert value("opsintel_http_requests_total", **healthy) == before + 1
        seen = {
            (sample.labels["method"], sample.labels["route"])
            for metric in counted.REGISTRY.collect()
            for sample in metric.samples
            if sample.name == "opsintel_http_requests_total"
        }
        assert ("GET", "/v1/issues/{issue_id}") in seen
        assert {("GET", counted.ELSEWHERE), ("other", counted.ELSEWHERE)} <= seen
        assert not [pair for pair in seen if "jane" in str(pair) or "01a20fc8" in str(pair) or "tea" in str(pair)]


class TestTheWorker:
    def test_counts_what_it_relays_and_consumes(self, database: Database) -> None:
        tenant: UUID = create_tenant(database, "counted", "Counted").id
        with database.tenant_tx(tenant) as connection:
            announce_days(connection, tenant, [today()], "import")
        before = value("opsintel_announcements_relayed_total"), value("opsintel_announcements_consumed_total")
        stop = threading.Event()
        loop.run(database, PostgresQueue(database), stop, stop.set)
        after = value("opsintel_announcements_relayed_total"), value("opsintel_announcements_consumed_total")
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]
        assert value("opsintel_worker_last_round_timestamp_seconds") > 1.7e9


def shown(database: Database) -> str:
    collectors: list[Collector] = [StoredGauges(database), PoolGauge(database.pool_figures)]
    with (
        serving_metrics("127.0.0.1:0", "OPSINTEL_WORKER_METRICS_ADDR", collectors) as port,
        urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer,
    ):
        return str(answer.read().decode())


class TestTheListener:
    def test_shows_everything_in_prometheus_own_format(self, database: Database) -> None:
        create_tenant(database, "canary-tenant", "Canary Words")
        text = shown(database)
        families = {family.name for family in text_string_to_metric_families(text)}
        assert {gauge.name for gauge in GAUGES} | {
            UP,
            "opsintel_http_requests",
            "opsintel_db_pool_connections",
        } <= families
        assert "canary" not in text.lower()

    def test_is_off_without_an_address(self) -> None:
        with serving_metrics(None, "OPSINTEL_METRICS_ADDR") as port:
            assert port is None

    def test_that_cannot_listen_says_which_setting_to_change(self) -> None:
        with (
            serving_metrics("127.0.0.1:0", "OPSINTEL_METRICS_ADDR") as port,
            pytest.raises(InputError, match=f"Port {port} of 127.0.0.1 cannot be used") as caught,
            serving_metrics(f"127.0.0.1:{port}", "OPSINTEL_METRICS_ADDR"),
        ):
            pass
        assert "OPSINTEL_METRICS_ADDR" in caught.value.remedy


class TestTheAlerts:
    def rules(self) -> list[dict[str, object]]:
        groups = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def test_refer_to_metrics_and_labels_that_there_are(self, database: Database) -> None:
        families = list(text_string_to_metric_families(shown(database)))
        names = {sample.name for family in families for sample in family.samples} | {family.name for family in families}
        names |= {f"{name}_total" for name in names} | {f"{name}_bucket" for name in names}
        for rule in self.rules():
            used = re.findall(r"opsintel_[a-z0-9_]+", str(rule["expr"]))
            assert used or "up{" in str(rule["expr"])
            assert set(used) <= names, rule["alert"]

    def test_are_each_explained_to_people(self) -> None:
        page = (RULES.parents[1] / "docs" / "operations.md").read_text()
        for rule in self.rules():
            assert f"`{rule['alert']}`" in page

    def test_are_what_prometheus_takes(self) -> None:
        found = shutil.which("promtool")
        if found:
            done = subprocess.run(
                [found, "check", "rules", str(RULES / "alerts.yml")], capture_output=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
        for rule in self.rules():
            assert (
                {"alert", "expr", "labels", "annotations"}
                <= rule.keys()
                <= {"alert", "expr", "for", "labels", "annotations"}
            )
            expression = str(rule["expr"])
            assert all(expression.count(a) == expression.count(b) for a, b in ("()", "{}", "[]"))
