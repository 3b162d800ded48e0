"""One place after the other is taken away, and the probes are asked which of them notices."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI

from opsintel.db.embedded import ADMIN, SERVICE, Access, EmbeddedServer
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.ids import new_id
from opsintel.settings import Settings
from opsintel_api.app import create_app
from tests.isolation.mutants.catalogue import Statement, statements
from tests.isolation.mutants.patch import applied
from tests.isolation.mutants.reach import recording
from tests.isolation.mutants.source import ROOT, Change, changes
from tests.isolation.probes import PROBES, Probe, rows_of
from tests.isolation.tables import BOUND
from tests.isolation.world import World, build_world

TENANTS = 3
Place = Statement | Change
SUITES = {
    "opsintel/access/analysts": ("tests/access/test_analysts.py",),
    "opsintel/access/audit": ("tests/access/test_audit.py", "tests/access/test_audit_verify.py"),
    "opsintel/access": ("tests/access/test_members.py", "tests/access/test_links.py", "tests/access/test_operators.py"),
    "opsintel/coordination": ("tests/coordination/test_contract.py",),
    "opsintel/crypto": ("tests/crypto",),
    "opsintel/metrics": ("tests/metrics",),
    "opsintel/queue": ("tests/queue",),
    "opsintel_api/auth": ("tests/access/test_tokens.py", "tests/access/test_sessions.py", "tests/api/test_limits.py"),
    "opsintel_api/queries/audit": ("tests/access/test_audit_route.py",),
    "opsintel_api": ("tests/api/test_messages.py", "tests/api/test_contract.py"),
    "opsintel_pipeline/act": ("tests/act",),
    "opsintel_pipeline/erasure": ("tests/erasure",),
    "opsintel_pipeline/issues": ("tests/issues",),
    "opsintel_pipeline": ("tests/pipeline/test_drain.py",),
}
"""Tests of a part, asked when no probe notices; the longest beginning counts."""


@dataclass
class Bench:
    """A small installation on which places are taken away, built anew when one has harmed it."""

    server: Access
    settings: Settings
    world: World = field(init=False)
    app: FastAPI = field(init=False)
    _reached: dict[str, set[str]] = field(default_factory=dict)
    """Files of the product that each probe runs, by its name."""

    async def caught_by(self, place: Place) -> str:
        """Return the name of the probe that fails without the place, and why; "" when none does."""
        if not self._reached:
            await self._learn()
        for probe in self.probes_for(place):
            with self.without(place):
                fault = await self.fault(probe)
            if fault and not await self.fault(probe):
                return f"{probe.test}: {fault}"
            if fault:
                raise RuntimeError(f"{probe.test} fails although {place} is back: {fault}")
        return ""

    async def _learn(self) -> None:
        """Run every probe on the sound product; what fails already would prove nothing."""
        for probe in PROBES:
            with recording() as reached:
                fault = await self.fault(probe)
            if fault:
                raise RuntimeError(f"{probe.test} fails on the sound product: {fault}")
            self._reached[probe.test] = reached

    def probes_for(self, place: Place) -> list[Probe]:
        """Return the probes to ask of a place, the likeliest first: of its own table; those that run its file."""
        if isinstance(place, Statement):
            first = rows_of([table for table in BOUND if table.name == place.table])
            return [first, *sorted(PROBES, key=lambda probe: probe.test not in place.likely)]
        if place.file.endswith(".sql"):
            return [probe for probe in PROBES if "opsintel_api/reading.py" in self._reached[probe.test]]
        return [probe for probe in PROBES if place.file in self._reached[probe.test]]

    def without(self, place: Place) -> AbstractContextManager[None]:
        """Return a context in which the place is away."""
        return place.applied(self.world.admin_url) if isinstance(place, Statement) else applied(place)

    async def fault(self, probe: Probe) -> str:
        """Return how a probe fails; "" when it passes."""
        try:
            await probe.run(self.world, self.app)
        except (Exception, BaseExceptionGroup, pytest.fail.Exception) as error:  # noqa: BLE001  whatever a mutant makes of it
            return " ".join(str(error).split())[:100] or type(error).__name__
        return ""


@asynccontextmanager
async def open_bench(server: Access, settings: Settings) -> AsyncIterator[Bench]:
    """Yield an installation of three tenants in a new database of the server."""
    name = f"mutants_{new_id().hex}"
    with psycopg.connect(server.url(ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {SERVICE}")
    migrate(server.url(ADMIN, name), login=SERVICE)
    url = server.url(SERVICE, name)
    bench = Bench(server, settings.model_copy(update={"db_url": url}))
    bench.app = create_app(bench.settings, url)
    with Database(url) as database:
        bench.world = build_world(database, server.url(ADMIN, name), bench.settings, TENANTS)
        async with bench.app.router.lifespan_context(bench.app):
            yield bench


@contextmanager
def own_server() -> Iterator[Access]:
    """Yield an embedded PostgreSQL in a folder that is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="opsintel-mutants-"))
    folder.chmod(0o755)
    try:
        with EmbeddedServer(folder).use() as access:
            yield access
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def places(admin_url: str) -> list[Place]:
    """Return every place: of the database's catalogue, then of the source."""
    return [*statements(admin_url), *changes()]


def caught_by_suite(change: Change) -> str:
    """Return the test of its part's suite that fails with the change, in a process of its own; "" when none does."""
    beginning = max((name for name in SUITES if change.file.startswith(name)), key=len, default="")
    suites = [suite for suite in SUITES.get(beginning, ()) if (ROOT / suite).exists()]
    if not suites:
        return ""
    command = [
        sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-rfE", "--no-header", "-p", "no:cacheprovider",
        "-p", "tests.isolation.mutants.plugin", f"--mutant={change.file}:{change.start}", *suites,
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    failed = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0][:140] if ended.returncode == 1 and failed else ""


def can_be_applied(change: Change) -> bool:
    """Tell whether the change can be made in a running process."""
    try:
        importlib.import_module("tests.isolation.mutants.patch")
        with applied(change):
            return True
    except Exception:  # noqa: BLE001  the reason is of no use here
        return False
