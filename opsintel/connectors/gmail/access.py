"""How Gmail and Pub/Sub let us in: a person's tokens, or those that a service account asks for (RFC 7523)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import jwt

from opsintel.clock import now
from opsintel.connectors.connection import Connection, Credential
from opsintel.connectors.gmail.manifest import PUBSUB_SCOPE, SCOPE, GmailConfig
from opsintel.connectors.oauth import is_ending, refreshed, token
from opsintel.errors import CredentialError

ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LASTS = timedelta(hours=1)
"""The longest that Google takes (developers.google.com/identity/protocols/oauth2/service-account)."""


def gmail_token(connection: Connection, config: GmailConfig) -> Callable[[Credential], Credential]:
    """Return what renews the access to the mailbox: by its refresh token, else as the service account's delegate."""

    def exchange(stale: Credential) -> Credential:
        if stale.get("refresh_token") or not stale.get("service_account"):
            return refreshed(connection, config.token_url, stale, title="Gmail")
        if "@" not in config.mailbox:
            raise CredentialError(
                "A service account cannot tell whose mailbox to read", remedy="Enter the address of the mailbox"
            )
        return {**stale, **_granted(connection, config, stale, SCOPE, config.mailbox)}

    return exchange


def pubsub_token(connection: Connection, config: GmailConfig) -> Callable[[Credential], Credential]:
    """Return what renews the access to Pub/Sub, which is the service account's own."""

    def exchange(stale: Credential) -> Credential:
        if not stale.get("service_account"):
            raise CredentialError(
                "News can only be pulled with a service account",
                remedy="Add the JSON key of one that may pull from the subscription",
            )
        given = _granted(connection, config, stale, PUBSUB_SCOPE)
        return {**stale, "pubsub_token": given["access_token"], "pubsub_expires_at": given["expires_at"]}

    return exchange


def is_pubsub_ending(credential: Credential) -> bool:
    """Tell whether the token for Pub/Sub is missing, or about to end."""
    return is_ending(
        {"access_token": credential.get("pubsub_token", ""), "expires_at": credential.get("pubsub_expires_at", "")}
    )


def _granted(
    connection: Connection, config: GmailConfig, credential: Credential, scope: str, subject: str = ""
) -> dict[str, str]:
    account = _service_account(credential["service_account"])
    form = {"grant_type": ASSERTION, "assertion": _assertion(account, config.token_url, scope, subject)}
    try:
        return token(connection, config.token_url, form, title="Google")
    except CredentialError as error:
        remedy = (
            f"In Google's Admin console, allow the client {account.get('client_id', 'of the service account')} the"
            f" scope {scope} (domain-wide delegation), and check that {subject} is a mailbox of that domain"
            if subject
            else "Check that the service account exists and its key was not deleted"
        )
        raise CredentialError(f"Google refuses the service account: {error.message}", remedy=remedy) from None


def _service_account(text: str) -> Mapping[str, Any]:
    try:
        account = json.loads(text)
    except (ValueError, RecursionError):
        account = None
    fields = ("client_email", "private_key")
    if not isinstance(account, dict) or not all(isinstance(account.get(name), str) for name in fields):
        raise _no_key()
    return account


def _assertion(account: Mapping[str, Any], audience: str, scope: str, subject: str) -> str:
    moment = now()
    claims = {"iss": account["client_email"], "scope": scope, "aud": audience, "iat": moment, "exp": moment + LASTS}
    headers = {"kid": account["private_key_id"]} if isinstance(account.get("private_key_id"), str) else None
    try:
        return jwt.encode(
            claims | ({"sub": subject} if subject else {}), account["private_key"], algorithm="RS256", headers=headers
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        raise _no_key() from None


def _no_key() -> CredentialError:
    return CredentialError(
        "This is not the JSON key of a Google service account", remedy="Download one at the Google console"
    )
