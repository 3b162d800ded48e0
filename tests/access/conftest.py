"""Two seeded tenants under attack; and, at the end, which numbered check was made by which tests."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr

from opsintel.access import operators
from opsintel.access.audit import Actor
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.settings import Settings
from opsintel_api.app import create_app
from opsintel_api.auth.throttle import Purpose, Throttle
from opsintel_api.services import Services
from tests.access.attack import Api
from tests.access.checks import CHECKS, NAMED, owner_of
from tests.access.forging import Forge
from tests.api.conftest import application, client
from tests.seeding import Seeded, seed_tenant

__all__ = ["application", "client"]

CANARY = "kestrel-7731"
OFFERED = {
    "registration": "open",
    "oidc_issuer": "https://127.0.0.1:9",  # refused by the guard before anything is sent
    "oidc_client_id": "opsintel",
    "oidc_client_secret": SecretStr("a secret of the provider"),
}
"""Settings with which every route is there."""
UNLIMITED = {"api_reads_per_minute": 0, "api_searches_per_minute": 0, "api_writes_per_minute": 0}

_NODE = re.compile(r"tests/access/(?P<file>\w+)\.py::(?:\w+::)?(?P<name>\w+)")


@pytest.fixture(scope="module")
def acme(database: Database) -> Seeded:
    """The tenant that attackers belong to."""
    return seed_tenant(database, "acme")


@pytest.fixture(scope="module")
def other(database: Database) -> Seeded:
    """The tenant that is attacked; its texts hold a canary that nobody of acme may ever see."""
    return seed_tenant(database, "other", canary=CANARY)


class Unthrottled(Throttle):
    """Takes every try: tests over all routes make many."""

    async def begin(self, purpose: Purpose, account: str | None, address: str) -> int:
        """Count nothing."""
        return 0

    async def succeeded(self, purpose: Purpose, account: str | None, address: str) -> None:
        """Forget nothing, as nothing was counted."""

    async def may_mail(self, purpose: Purpose, account: str) -> bool:
        """Allow every mail."""
        return True


async def without_throttle(app: FastAPI) -> str:
    """Let a running application take every try, and return the token of an operator made for it."""
    services: Services = app.state.services
    app.state.services = replace(services, throttle=Unthrottled(services.throttle._limits, b""))
    name = f"tester{new_id().hex[-12:]}"
    return await operators.add(services.database, name, timedelta(days=1), Actor("operator", "tests"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(settings: Settings, acme: Seeded, other: Seeded) -> AsyncIterator[Api]:
    """The running application, open to strangers and without limits, for the whole module (which runs in one loop)."""
    assert settings.db_url is not None
    app = create_app(settings.model_copy(update=UNLIMITED | OFFERED), settings.db_url)
    async with app.router.lifespan_context(app):
        operator = await without_throttle(app)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            yield Api(client, acme, operator)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forge(api: Api, settings: Settings) -> Forge:
    """Forged tokens about the session of acme's owner."""
    payload = (await api.token("owner")).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return Forge(api, settings.jwt_key(), {name: claims[name] for name in ("sub", "tenant", "sid")})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each number: its outcome, its tests with how many cases each had, and its owner."""
    cases: dict[int, Counter[str]] = defaultdict(Counter)
    broken = set()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            node = _NODE.match(report.nodeid)
            if node is None or (named := NAMED.fullmatch(node["name"])) is None:
                continue
            number = int(named[1])
            cases[number][f"{node['file']}::{node['name']}"] += 1
            if outcome != "passed":
                broken.add(number)
    if not cases:
        return
    terminalreporter.section("numbered checks")
    for number, title in CHECKS.items():
        outcome = "BROKEN" if number in broken else "green" if number in cases else "–"
        tests = ", ".join(f"{name} ({count})" for name, count in cases[number].items())
        terminalreporter.write_line(
            f"{number:>2}  {outcome:<6}  {owner_of(number):<10}  {title}: {tests or 'no test ran'}"
        )
