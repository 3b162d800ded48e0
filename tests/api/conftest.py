"""The API on a real database with two tenants; requests go through the whole application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from opsintel.access.roles import Role
from opsintel.access.tokens import AccessToken, issue
from opsintel.db.engine import Database
from opsintel.settings import Settings
from opsintel_api.app import create_app
from opsintel_api.auth.sessions import open_session
from opsintel_api.services import Services
from tests.seeding import Seeded, seed_tenant

CANARY = "kestrel-7731"
Get = Callable[..., Awaitable[httpx.Response]]
Send = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(scope="module")
def acme(database: Database) -> Seeded:
    """The tenant that most tests ask about."""
    return seed_tenant(database, "acme")


@pytest.fixture(scope="module")
def other(database: Database) -> Seeded:
    """Another tenant; its texts hold a canary that nobody of acme may ever see."""
    return seed_tenant(database, "other", canary=CANARY)


@pytest.fixture(scope="module")
def application(settings: Settings) -> FastAPI:
    """The application, not running: its routes are laid out at the first request, which takes a tenth of a second."""
    assert settings.db_url is not None
    return create_app(settings, settings.db_url)


@pytest_asyncio.fixture
async def client(
    application: FastAPI, database: Database, acme: Seeded, other: Seeded
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's view of the application, started for each test, whose limits nobody has used up."""
    with database.system_tx() as connection:
        connection.execute("DELETE FROM rate_limit")
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as opened:
            yield opened


@pytest.fixture
def send(client: httpx.AsyncClient, application: FastAPI, acme: Seeded) -> Send:
    """Send a request as a role of acme (default: its owner), in a session of the test's own."""
    tokens: dict[tuple[str, str], str] = {}
    services: Services = application.state.services

    async def request(
        method: str,
        path: str,
        *,
        tenant: Seeded = acme,
        role: Role = "owner",
        headers: dict[str, str] | None = None,
        json: Any = None,
        **query: Any,
    ) -> httpx.Response:
        key = (tenant.slug, role)
        if key not in tokens:
            granted = await open_session(services.database, tenant.users[role], tenant.tenant_id, "password")
            assert granted is not None
            access = AccessToken(granted.user_id, granted.tenant_id, granted.session_id)
            tokens[key] = issue(access, services.settings.jwt_key())
        return await client.request(
            method,
            path,
            params={name.rstrip("_"): value for name, value in query.items()},
            headers={"Authorization": f"Bearer {tokens[key]}", **(headers or {})},
            json=json,
        )

    return request


@pytest.fixture
def get(send: Send) -> Get:
    """GET a path as a role of acme (default: its owner)."""
    return partial(send, "GET")
