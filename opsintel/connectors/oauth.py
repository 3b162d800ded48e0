"""Tokens of OAuth 2 (RFC 6749): what a token endpoint answers becomes a credential, and one that ends is renewed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from opsintel.clock import now
from opsintel.connectors.connection import Connection, Credential
from opsintel.errors import CredentialError, UnavailableError
from opsintel.net.client import open_client

EARLY = timedelta(minutes=2)
"""How long before its end a token is no longer used: clocks differ, and requests take time."""

_WRONG_CLIENT = frozenset({"invalid_client", "unauthorized_client"})
_PASSING = frozenset(
    ("temporarily_unavailable", "server_error")
    # Slack's own words, with status 200
    + ("internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited")
)


def credential_of(answer: Mapping[str, Any], moment: datetime) -> dict[str, str]:
    """Return the fields of a credential in a token endpoint's answer (RFC 6749 section 5.1).

    `expires_at` is ISO 8601 in UTC, '' for a token without an end. A refresh token is there only where one was given:
    a provider that rotates none sends none. Raises `UnavailableError` for an answer without a token.
    """
    token, lasts = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token:
        raise UnavailableError("The token endpoint answers without a token")
    try:
        expires_at = "" if lasts is None else (moment + timedelta(seconds=float(lasts))).isoformat()
    except (ValueError, TypeError, OverflowError):
        expires_at = ""
    given = {name: answer.get(name) for name in ("refresh_token", "scope")}
    kept = {name: value for name, value in given.items() if isinstance(value, str) and value}
    return {"access_token": token, "expires_at": expires_at, **kept}


def is_ending(credential: Credential) -> bool:
    """Tell whether a credential has no access token, or one that has ended or is about to."""
    expires_at = credential.get("expires_at", "")
    if not credential.get("access_token"):
        return True
    try:
        return bool(expires_at) and datetime.fromisoformat(expires_at) - EARLY <= now()
    except (ValueError, TypeError):
        return False


def refreshed(connection: Connection, token_url: str, stale: Credential, *, title: str, **further: str) -> Credential:
    """Return a credential renewed by its refresh token (RFC 6749 section 6); all other fields stay.

    `further` are parameters of the request that the provider wants besides. Raises `CredentialError` where a person has
    to authorise the source again, `UnavailableError` for a passing fault.
    """
    if not stale.get("refresh_token"):
        raise CredentialError(f"The access to {title} has ended", remedy="Authorise the source again")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": stale["refresh_token"],
        "client_id": stale.get("client_id", ""),
        "client_secret": stale.get("client_secret", ""),
        **further,
    }
    return {**stale, **token(connection, token_url, form, title=title)}


def token(connection: Connection, token_url: str, form: Mapping[str, str], *, title: str) -> dict[str, str]:
    """Return the fields of a credential that a token endpoint gives for a form; raises as `refreshed` does."""
    with open_client(connection.policy, connection.trust) as client:
        response = client.post(token_url, data=dict(form), headers={"Accept": "application/json"})
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise UnavailableError(f"The token endpoint of {title} answers with status {response.status_code} and no JSON")
    error = answer.get("error")
    if response.status_code == 200 and error is None:
        return credential_of(answer, now())
    if not isinstance(error, str):  # an object, as APIs beside OAuth answer
        error = ""
    if response.status_code == 429 or response.status_code >= 500 or error in _PASSING:
        raise UnavailableError(f"The token endpoint of {title} answers with status {response.status_code}")
    if error in _WRONG_CLIENT:
        raise CredentialError(
            f"{title} refuses the app ({error})", remedy="Check the client id and secret, and what the app may ask for"
        )
    if error == "invalid_grant":
        raise CredentialError(f"The access to {title} was revoked, or has ended", remedy="Authorise the source again")
    told = error if error.isascii() and error.isprintable() and error else response.status_code
    raise CredentialError(f"{title} gives no token: {told}", remedy="Authorise the source again")
