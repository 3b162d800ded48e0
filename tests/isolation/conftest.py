"""The seeded installation of these tests, and what they scanned, told at the end of the run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI

from opsintel.db.engine import Database
from opsintel.settings import Settings
from opsintel_api.app import create_app
from tests.isolation.canaries import Scanner
from tests.isolation.world import TENANTS, World, build_world

SCANNED = pytest.StashKey[Scanner]()
FIGURES = "isolation"
UNLIMITED = {"api_reads_per_minute": 0, "api_searches_per_minute": 0, "api_writes_per_minute": 0}


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(SCANNED, Scanner(TENANTS))


@pytest.fixture(scope="module")
def world(database: Database, admin_url: str, settings: Settings) -> World:
    """Twenty tenants in a database of the module's own."""
    return build_world(database, admin_url, settings.model_copy(update=UNLIMITED))


@pytest.fixture
def scanner(world: World, request: pytest.FixtureRequest) -> Iterator[Scanner]:
    """A scanner whose figures are added to those of the run."""
    scanner = world.scanner()
    yield scanner
    request.config.stash[SCANNED].absorb(scanner)


@pytest.fixture(scope="module")
def application(world: World) -> FastAPI:
    """The application, not running: its routes are laid out at the first request, which takes a tenth of a second."""
    assert world.settings.db_url is not None
    return create_app(world.settings, world.settings.db_url)


@pytest_asyncio.fixture
async def app(application: FastAPI) -> AsyncIterator[FastAPI]:
    """The application, started for each test."""
    async with application.router.lifespan_context(application):
        yield application


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the figures of a process of pytest-xdist to the one that started it."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        seen = session.config.stash[SCANNED]
        output[FIGURES] = [seen.answers, seen.bytes_seen, seen.foreign, sorted(seen.own)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the figures of such a process."""
    if figures := getattr(node, "workeroutput", {}).get(FIGURES):
        answers, bytes_seen, foreign, own = figures
        node.config.stash[SCANNED].absorb(Scanner(TENANTS, answers, bytes_seen, foreign, set(own)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    scanned = config.stash[SCANNED]
    if scanned.answers:
        terminalreporter.section("isolation")
        terminalreporter.write_line(
            f"{scanned.answers:,} answers, {scanned.bytes_seen:,} bytes scanned for canaries of {scanned.tenants}"
            f" tenants in {scanned.tenants * (scanned.tenants - 1)} ordered pairs: {len(scanned.foreign)} foreign;"
            f" own ones seen of {len(scanned.own)} tenants"
        )
