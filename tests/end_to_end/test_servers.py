"""`opsintel up` with RabbitMQ, Redis and S3, and the demo with none of them: the same rows for the same input."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from opsintel.clock import today
from tests.end_to_end.demo_process import Outcome
from tests.end_to_end.kills import Comparison
from tests.end_to_end.up_process import Made, UpProcess
from tests.peers.redis import PASSWORD, RedisServer
from tests.peers.s3 import S3Server, running_s3

pytestmark = [pytest.mark.stack, pytest.mark.rabbitmq, pytest.mark.redis, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Runs:
    """The same sample by two installations."""

    with_servers: Made
    without: Outcome
    objects: tuple[str, ...]
    scripts: int
    """How many of our scripts Redis ran meanwhile."""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    folder = Path(tempfile.mkdtemp(prefix="opsintel-s3-"))
    with running_s3("rclone", folder) as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def runs(comparison: Comparison, module_amqp_url: str, redis_server: RedisServer, s3: S3Server) -> Iterator[Runs]:
    """Both runs, on one day: the sample's days go with the calendar."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-up-"))
    folder.chmod(0o755)
    servers = {"AMQP_URL": module_amqp_url} | redis_server.environment | s3.environment
    day, number = None, 0
    while day != today():
        day, number = today(), number + 1
        before = scripts_run(redis_server)
        made = UpProcess(folder / str(number), servers).run()
        scripts = scripts_run(redis_server) - before
        without = comparison.undisturbed()
    yield Runs(made, without, tuple(s3.keys()), scripts)
    shutil.rmtree(folder, ignore_errors=True)


def scripts_run(server: RedisServer) -> int:
    with redis.Redis("127.0.0.1", server.port, password=PASSWORD) as client:
        return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))


class TestAnInstallationWithItsServers:
    def test_makes_the_same_rows_as_one_without(self, runs: Runs) -> None:
        assert runs.with_servers.dumps.keys() == runs.without.dumps.keys()
        for tenant, tables in runs.without.dumps.items():
            for table, rows in tables.items():
                ours, theirs = Counter(map(repr, runs.with_servers.dumps[tenant][table])), Counter(map(repr, rows))
                assert list((ours - theirs).elements())[:3] == [], f"{tenant} {table}: only with servers"
                assert list((theirs - ours).elements())[:3] == [], f"{tenant} {table}: only without"

    def test_is_ready_with_each_of_them(self, runs: Runs) -> None:
        assert runs.with_servers.readiness["status"] == "ready"
        checks = runs.with_servers.readiness["checks"]
        assert isinstance(checks, dict)
        assert {"broker", "redis"} <= checks.keys()

    def test_keeps_its_payloads_in_the_bucket_and_none_on_disk(self, runs: Runs) -> None:
        assert [key for key in runs.objects if key.startswith("tenants/")]
        assert not (runs.with_servers.settings.data_dir / "objects").exists()

    def test_keeps_the_compute_logs_of_its_runs_in_the_bucket(self, runs: Runs) -> None:
        assert [key for key in runs.objects if key.startswith("compute-logs/storage/")]

    def test_has_no_key_of_the_bucket_in_a_file(self, runs: Runs, s3: S3Server) -> None:
        secret = s3.environment["OPSINTEL_S3_SECRET_ACCESS_KEY"].encode()
        home = runs.with_servers.settings.data_dir / "dagster"
        holders = [path for path in home.rglob("*") if path.is_file() and secret in path.read_bytes()]
        assert (home / "dagster.yaml").exists()
        assert holders == []

    def test_limits_requests_by_redis(self, runs: Runs) -> None:
        assert runs.with_servers.limit_policy == '"read";q=3000;w=60'
        assert runs.scripts > 0
