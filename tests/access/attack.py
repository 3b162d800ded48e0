"""The API as attackers and members see it: two seeded tenants, and requests with any token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from opsintel.access.roles import OPEN, Role, matrix
from tests.access.requests import Sent
from tests.seeding import PASSWORD, Seeded


@dataclass
class Api:
    """Requests to the whole application as somebody."""

    client: httpx.AsyncClient
    tenant: Seeded
    operator: str = ""
    """An operator's token."""
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    async def bearer(self, token: str, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request with a token."""
        headers = {"Authorization": f"Bearer {token}".encode("utf-8", "surrogatepass"), **more.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **more)

    async def role(self, role: Role, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request as the tenant's member of a role."""
        return await self.bearer(await self.token(role), method, path, **more)

    async def owner(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request as the tenant's owner."""
        return await self.role("owner", method, path, **more)

    async def holder(self, route: str) -> str:
        """Return the token of somebody who may use a route: the operator's or the owner's; "" for an open one."""
        need = matrix().routes[route]
        if need == OPEN:
            return ""
        return self.operator if need <= matrix().of_operators else await self.token("owner")

    async def send(self, sent: Sent, token: str | None = None, **more: Any) -> httpx.Response:
        """Send a request with a token, or else that of somebody who may use the route."""
        held = await self.holder(sent.route) if token is None else token
        headers = [
            *({"Authorization": f"Bearer {held}"} if held else {}).items(),
            *sent.headers,
            *more.pop("headers", ()),
        ]
        content = {"json": sent.body} if sent.body is not None and "content" not in more else {}
        self.client.cookies.clear()
        return await self.client.request(sent.method, sent.address, headers=headers, **content, **more)

    async def token(self, role: Role, tenant: Seeded | None = None) -> str:
        """Return the access token of a member, logged in once."""
        of = tenant or self.tenant
        key = (of.slug, role)
        if key not in self.tokens:
            credentials = {"email": of.email(role), "password": PASSWORD}
            response = await self.client.post("/v1/auth/login", json=credentials)
            assert response.status_code == 200, response.text
            self.tokens[key] = response.json()["access_token"]
        return self.tokens[key]
