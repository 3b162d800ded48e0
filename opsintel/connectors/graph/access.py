"""How Graph lets us in: by a refresh token, which changes at every use, or as an app (RFC 6749 section 4.4)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from opsintel.connectors.connection import Connection, Credential
from opsintel.connectors.graph.manifest import SCOPES, GraphConfig
from opsintel.connectors.oauth import refreshed, token
from opsintel.errors import CredentialError

TITLE = "Outlook"


def graph_token(connection: Connection, config: GraphConfig) -> Callable[[Credential], Credential]:
    """Return what renews the access to the mailbox."""
    address = f"{config.login_url.rstrip('/')}/{config.directory}/oauth2/v2.0/token"

    def exchange(stale: Credential) -> Credential:
        if stale.get("refresh_token") or not stale.get("client_secret"):
            return refreshed(connection, address, stale, title=TITLE, scope=" ".join(SCOPES))
        if config.mailbox == "me" or config.directory == "common":
            raise CredentialError(
                "An app cannot tell whose mailbox to read, or of which directory",
                remedy="Enter the address of the mailbox and the directory",
            )
        parts = urlsplit(config.base_url)
        form = {
            "grant_type": "client_credentials",
            "client_id": stale.get("client_id", ""),
            "client_secret": stale["client_secret"],
            "scope": f"{parts.scheme}://{parts.netloc}/.default",
        }
        return {**stale, **token(connection, address, form, title=TITLE)}

    return exchange
