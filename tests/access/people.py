"""What a person does with a browser: log in, refresh, show a token."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import httpx

from opsintel_api.auth.cookies import COOKIE
from tests.seeding import PASSWORD

OURS = {"X-Requested-With": "opsintel"}


async def log_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    """Log in by address and password."""
    client.cookies.clear()
    return await client.post("/v1/auth/login", json={"email": email, "password": password, **more})


async def refresh(client: httpx.AsyncClient, token: str | None) -> httpx.Response:
    """Refresh with a token, or without a cookie."""
    client.cookies.clear()
    headers = OURS | ({"Cookie": f"{COOKIE}={token}"} if token else {})
    return await client.post("/v1/auth/refresh", headers=headers)


def refresh_token(response: httpx.Response) -> str:
    """Return the refresh token that an answer gave the browser."""
    return SimpleCookie(response.headers["set-cookie"])[COOKIE].value


def bearer(session: httpx.Response) -> dict[str, str]:
    """Return the header with a session's access token."""
    return {"Authorization": f"Bearer {session.json()['access_token']}"}
