"""Checks of an Outlook source, each with what a person can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opsintel.connectors.connection import Connection
from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.graph.client import GraphClient
from opsintel.connectors.graph.folders import folders_of
from opsintel.connectors.graph.manifest import GraphConfig
from opsintel.errors import CredentialError, FatalError, NotFoundError, RetriableError

_LATER = "It is tried again later; check the way to Microsoft if that stays"
_ENOUGH = ("mail.read", "mail.readwrite")


def checks_of(client: GraphClient, connection: Connection, config: GraphConfig) -> Sequence[Check]:
    """Return the checks in order; after one that does not pass the rest says nothing, and is left out."""
    asked: list[tuple[str, Callable[[], str]]] = [
        ("permission", lambda: _permission(connection)),
        ("mailbox", lambda: _mailbox(client)),
        ("folders", lambda: _folders(client, config)),
    ]
    found = []
    for name, ask in asked:
        try:
            found.append(Check(name, Verdict.PASSED, True, ask()))
        except RetriableError as error:
            return [*found, Check(name, Verdict.UNKNOWN, True, error.message, error.remedy or _LATER)]
        except (FatalError, NotFoundError) as error:
            remedy = error.remedy or "Check the settings of the source"
            return [*found, Check(name, Verdict.FAILED, True, error.message, remedy)]
    return found


def _permission(connection: Connection) -> str:
    granted = [scope.rsplit("/", 1)[-1].lower() for scope in connection.credential().get("scope", "").split()]
    if granted and not set(_ENOUGH) & set(granted):
        raise CredentialError("The permission Mail.Read is missing", remedy="Authorise the source again and allow it")
    return "Mail.Read is granted" if granted else "Mail.Read was not refused so far"


def _mailbox(client: GraphClient) -> str:
    inbox = client.get("/mailFolders/inbox", {"$select": "id,totalItemCount"})
    return f"The mailbox can be read, with {inbox.get('totalItemCount', 0):,} messages in its inbox"


def _folders(client: GraphClient, config: GraphConfig) -> str:
    return f"{len(folders_of(client, config).read):,} folders are read"
