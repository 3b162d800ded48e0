"""The API on a real database with two tenants; requests go through the whole application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio

from opsintel.access.roles import Role
from opsintel.db.engine import Database
from opsintel.settings import Settings
from opsintel_api.app import create_app
from tests.seeding import PASSWORD, Seeded, seed_tenant

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


@pytest_asyncio.fixture
async def client(
    settings: Settings, database: Database, acme: Seeded, other: Seeded
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's view of the running application, whose limits nobody has used up."""
    with database.system_tx() as connection:
        connection.execute("DELETE FROM rate_limit")
    assert settings.db_url is not None
    app = create_app(settings, settings.db_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as opened:
            yield opened


@pytest.fixture
def sign_in(client: httpx.AsyncClient) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Log in as a role of a tenant and return the session."""

    async def log_in(tenant: Seeded, role: Role = "owner") -> dict[str, Any]:
        response = await client.post("/v1/auth/login", json={"email": tenant.email(role), "password": PASSWORD})
        assert response.status_code == 200, response.text
        session: dict[str, Any] = response.json()
        return session

    return log_in


@pytest.fixture
def send(client: httpx.AsyncClient, acme: Seeded, sign_in: Callable[..., Awaitable[dict[str, Any]]]) -> Send:
    """Send a request as a role of acme (default: its owner)."""
    tokens: dict[tuple[str, str], str] = {}

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
            tokens[key] = (await sign_in(tenant, role))["access_token"]
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
