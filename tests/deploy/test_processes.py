"""The compose file's services really start, find each other, bring a file to the dashboard, and end when asked."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from opsintel.db.embedded import ADMIN, DAGSTER, DATABASE, SERVICE, EmbeddedServer
from tests.deploy.compose import ROOT
from tests.deploy.processes import Services

pytestmark = pytest.mark.stack

STAYING = ("code-server", "worker", "api", "dagster-daemon", "dagster-webserver")
TICKETS = "id,text\n1,the hub is offline\n2,please refund my money\n3,the hub is offline again\n"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="opsintel-deploy-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def services(folder: Path, surroundings: dict[str, str]) -> Iterator[Services]:
    """All services, started in the order of the file on logins that the file's own script makes."""
    server = EmbeddedServer(folder / "server")
    with server.use() as access:
        make_logins(access.url(ADMIN, DATABASE), surroundings)
        given = surroundings | {"POSTGRES_PASSWORD": access.passwords[ADMIN]}
        started = Services(folder, access.port, given)
        try:
            yield started
        finally:
            started.stop_all()


def make_logins(admin_url: str, surroundings: dict[str, str]) -> None:
    """Run the script that the PostgreSQL container runs on a new volume, where nothing of it is there yet."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {DAGSTER}")
        connection.execute(f"DROP OWNED BY {SERVICE}, {DAGSTER}")
        connection.execute(f"DROP ROLE {SERVICE}, {DAGSTER}")
    psql = shutil.which("psql") or next(iter(Path(psycopg.__file__).parents[1].glob("**/pginstall18/bin/psql")))
    done = subprocess.run(
        [psql, "-v", "ON_ERROR_STOP=1", "-f", ROOT / "deploy" / "postgres" / "logins.sql", admin_url],
        env=surroundings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


class TestTheServices:
    def test_migrate_both_databases_and_end(self, services: Services) -> None:
        done = services.run("migrate")
        assert done.returncode == 0, done.stderr
        again = services.run("migrate")
        assert again.returncode == 0, again.stderr

    @pytest.mark.parametrize("service", STAYING)
    def test_become_well_by_their_own_check(self, services: Services, service: str) -> None:
        services.start(service)
        services.wait_until(lambda: services.is_well(service), f"{service} does not become well")

    def test_bring_an_imported_file_to_issues(self, services: Services, folder: Path) -> None:
        (folder / "tickets.csv").write_text(TICKETS)
        arguments = ("import", str(folder / "tickets.csv"), "--tenant", "acme", "--no-process", "--json")
        done = services.run("cli", "opsintel", *arguments)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["added"] == 3
        services.wait_until(lambda: exported(services, folder) >= 2, "the tickets on the hub found no issue")

    def test_serve_the_dashboard(self, services: Services) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{services.ports['8080']}/", timeout=10) as answer:
            assert b"<html" in answer.read()

    @pytest.mark.parametrize("service", STAYING[::-1])
    def test_end_when_asked(self, services: Services, service: str) -> None:
        assert services.stop(service) in (0, -15)


def exported(services: Services, folder: Path) -> int:
    """Return the number of messages in the issues that are exported to a file."""
    target = folder / "issues.csv"
    done = services.run("cli", "opsintel", "export", "--tenant", "acme", "--to", str(target), "--json")
    assert done.returncode == 0, done.stderr
    with target.open(newline="", encoding="utf-8-sig") as file:
        return sum(int(row["Messages"]) for row in csv.DictReader(file))
