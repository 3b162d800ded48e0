"""Requests to a provider of OAuth 2.0 or OpenID Connect, from the redirect that sends a browser there to its return.

By RFC 9700 (sections 2.1, 4.7): a request has a state of 256 random bits that is good once, for ten minutes, in the
browser that began it and for the provider it was sent to; PKCE with S256 (RFC 7636); and a nonce. The database holds
hashes only: verifier and nonce are computed from the state with a key, so who reads the table can answer nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from opsintel.access.opaque import digest, is_well_formed, new_token
from opsintel.clock import now
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import AccessError

Purpose = Literal["sign_on", "source"]

STATE, BROWSER = "opa_", "opb_"
LIFETIME = timedelta(minutes=10)


class StateError(AccessError):
    """A state that was used, has expired, was begun in another browser or for another provider, or never was."""

    code = "state_invalid"

    def __init__(self) -> None:
        super().__init__("This request was answered before, took too long, or was begun elsewhere", remedy="Begin anew")


@dataclass(frozen=True, slots=True)
class Errand:
    """What a request is for. Those of a member name tenant and session, which its answer must find alive."""

    purpose: Purpose
    provider: str
    tenant_id: UUID | None = None
    session_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """A request as the browser takes it along: what its address holds, and the value of the cookie."""

    state: str
    nonce: str
    challenge: str
    browser: str


@dataclass(frozen=True, slots=True)
class Returned:
    """A request that came back: what it was for, since when, and what proves to the provider that it was ours."""

    errand: Errand
    begun_at: datetime
    nonce: str
    verifier: str


async def begin(database: AsyncDatabase, errand: Errand, browser: str | None, key: bytes) -> Begun:
    """Store a request and return it; a browser that has a cookie of ours keeps it, so that two tabs do not collide."""
    state = new_token(STATE)
    held = browser if browser is not None and is_well_formed(browser, BROWSER) else new_token(BROWSER)
    async with database.system_tx() as connection:
        await connection.execute("DELETE FROM authorization_request WHERE expires_at < now()")
        await connection.execute(
            "INSERT INTO authorization_request"
            " (state_hash, browser_hash, purpose, provider, tenant_id, session_id, details, expires_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            digest(state),
            digest(held),
            errand.purpose,
            errand.provider,
            errand.tenant_id,
            errand.session_id,
            json.dumps(dict(errand.details)),
            now() + LIFETIME,
        )
    challenge = _base64url(hashlib.sha256(_derived(key, "verifier", state).encode()).digest())
    return Begun(state, _derived(key, "nonce", state), challenge, held)


async def redeem(
    database: AsyncDatabase, purpose: Purpose, provider: str, state: str, browser: str | None, key: bytes
) -> Returned:
    """Use a state up and return its request; `StateError` when it is not good, also for all but one at once.

    A state that comes from another browser is used up as well: somebody else has seen it.
    """
    if not is_well_formed(state, STATE):
        raise StateError
    async with database.system_tx() as connection:  # commits before anything is refused
        row = await connection.fetchrow(
            "DELETE FROM authorization_request WHERE state_hash = $1 RETURNING browser_hash, purpose, provider,"
            " tenant_id, session_id, details, created_at, expires_at > now() AS lives",
            digest(state),
        )
    if row is None or not row["lives"] or (row["purpose"], row["provider"]) != (purpose, provider):
        raise StateError
    if not hmac.compare_digest(row["browser_hash"], digest(browser or "")):
        raise StateError
    errand = Errand(purpose, provider, row["tenant_id"], row["session_id"], json.loads(row["details"]))
    return Returned(errand, row["created_at"], _derived(key, "nonce", state), _derived(key, "verifier", state))


def _derived(key: bytes, name: str, state: str) -> str:
    """Return 256 bits that only who has the key can compute of a state."""
    return _base64url(hmac.digest(key, f"{name} {state}".encode(), hashlib.sha256))


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
