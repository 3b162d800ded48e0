"""Tokens made by hand: signed like the API's own, or in whatever way a test wants."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from opsintel.access.tokens import AUDIENCE, ISSUER, LIFETIME_SECONDS, TYPE
from tests.access.attack import Api

HEADER: dict[str, Any] = {"alg": "HS256", "typ": TYPE}


def part(content: bytes) -> str:
    """Return bytes as a part of a token."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def encoded(value: Any) -> bytes:
    """Return what a part holds: bytes as they are, anything else as JSON."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def signed(header: Any, claims: Any, key: bytes, digest: Any = hashlib.sha256) -> str:
    """Return a token with a signature by HMAC."""
    content = f"{part(encoded(header))}.{part(encoded(claims))}"
    return f"{content}.{part(hmac.digest(key, content.encode(), digest))}"


@dataclass(frozen=True)
class Forge:
    """Tokens about a session that lives, signed with the API's own key: only what a test changes can be their fault."""

    api: Api
    key: bytes
    who: Mapping[str, str]
    """sub, tenant and sid of the session."""

    @property
    def claims(self) -> dict[str, Any]:
        """Claims that are valid now."""
        moment = int(time.time())
        times = {"iat": moment, "nbf": moment, "exp": moment + LIFETIME_SECONDS}
        return {"iss": ISSUER, "aud": AUDIENCE, **times, **self.who}

    def token(self, header: Any = None, claims: Any = None, *, key: bytes | None = None, digest: Any = None) -> str:
        """Return a token; what is not given is valid."""
        return signed(
            HEADER if header is None else header,
            self.claims if claims is None else claims,
            self.key if key is None else key,
            digest or hashlib.sha256,
        )

    async def shown(self, token: str | bytes) -> httpx.Response:
        """Return what the API answers to whoever shows a token."""
        raw = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
        return await self.api.client.get("/v1/me", headers={"Authorization": b"Bearer " + raw})

    async def taken(self, token: str) -> bool:
        """Tell whether a token opens the API; the one sent in vain is refused in one way only."""
        response = await self.shown(token)
        if response.status_code == 200:
            return True
        refused(response)
        return False


def refused(response: httpx.Response) -> str:
    """Require the one answer to a token that is not taken; returns its reason."""
    assert response.status_code == 401, response.text
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    detail: str = problem["detail"]
    return detail
