"""A browser that signs on through a provider, and the application behind it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, LiteralString
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg

from opsintel.db.engine import Database
from opsintel.settings import Settings, load_settings
from opsintel_api.app import create_app
from opsintel_api.services import Services
from tests.peers.oidc import OidcPeer
from tests.peers.smtp import SmtpPeer

OURS = {"X-Requested-With": "opsintel"}
DOMAIN = "acme.example"
COOKIE = "opsintel_sign_on"


class Browser:
    """A browser with its cookies."""

    def __init__(self, client: httpx.AsyncClient, services: Services) -> None:
        self.client = client
        self.services = services

    async def start(self, return_to: str = "/") -> httpx.Response:
        """Press the button of the log-in page."""
        return await self.client.get("/v1/auth/sso/start", params={"return_to": return_to})

    async def at_provider(self, return_to: str = "/") -> str:
        """Press the button, agree at the provider, and return where it sends the browser: path and query."""
        return agree((await self.start(return_to)).headers["location"])

    async def sign_on(self, return_to: str = "/") -> httpx.Response:
        """Go all the way, and return the answer that the provider's redirect led to."""
        answer = await self.client.get(await self.at_provider(return_to))
        await self.services.postbox.drain()
        return answer

    async def session(self) -> dict[str, Any]:
        """Refresh, as the page does after it was led to."""
        answer = await self.client.post("/v1/auth/refresh", headers=OURS)
        found: dict[str, Any] = answer.json()
        return found


def agree(address: str) -> str:
    """Agree at the provider, and return path and query of where it sends the browser."""
    back = urlsplit(httpx.get(address, follow_redirects=False).headers["location"])
    return f"{back.path}?{back.query}"


def error_of(answer: httpx.Response) -> str:
    """Return the code that a failed sign-on leaves in the address of the log-in page; nothing else stands there."""
    assert answer.status_code == 303
    assert "opsintel_refresh" not in answer.headers.get("set-cookie", "")
    path, _, query = answer.headers["location"].partition("?")
    assert path == "/login/", answer.headers["location"]
    found = parse_qs(query)
    assert list(found) == ["error"]
    return found["error"][0]


@asynccontextmanager
async def signing_on(
    settings: Settings, database: Database, oidc: OidcPeer, smtp: SmtpPeer | None = None, **environment: str
) -> AsyncIterator[Browser]:
    """Yield a browser of the running application, which has the provider, and whose limits nobody has used up."""
    with database.system_tx() as connection:
        connection.execute("DELETE FROM rate_limit")
    mail = smtp.environment if smtp else {}
    chosen = load_settings(oidc.environment | mail | environment)
    update = {name: getattr(chosen, name) for name in chosen.model_fields_set}
    assert settings.db_url is not None
    app = create_app(settings.model_copy(update=update), settings.db_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield Browser(client, app.state.services)


def rows(database: Database, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    """Return what a statement of the whole installation finds."""
    with database.system_tx() as connection:
        return connection.execute(statement, values).fetchall()


def audited(admin_url: str, action: str, **details: str) -> int:
    """Return how many entries of the audit log, in all chains, have an action and these details."""
    with psycopg.connect(admin_url) as connection:
        return connection.execute(
            "SELECT count(*) FROM audit_log WHERE action = %s AND details @> %s::jsonb", (action, json.dumps(details))
        ).fetchone()[0]
