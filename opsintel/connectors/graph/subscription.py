"""The subscription by which Graph tells of changes: found again by its address, so that nothing is to be remembered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from opsintel.clock import now
from opsintel.connectors.connection import PushAddress
from opsintel.connectors.graph.client import GraphClient
from opsintel.errors import NotFoundError, UnavailableError

LASTS = timedelta(days=6)
"""Graph takes less than seven days for messages."""
RENEW_EVERY = timedelta(days=1)


def renew(client: GraphClient, push: PushAddress) -> datetime:
    """Prolong the subscription of an address, or make it; return when it ends.

    Others of the same address, left by two processes that both made one, are ended.
    """
    ends = now() + LASTS
    until = f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    held = _held(client, push.url)
    for other in held[1:]:
        client.send("DELETE", f"/subscriptions/{other}", None)
    if not (held and _is_prolonged(client, held[0], until)):
        client.send("POST", "/subscriptions", _made(client, push, until))
    return ends


def _is_prolonged(client: GraphClient, subscription: str, until: str) -> bool:
    try:
        client.send("PATCH", f"/subscriptions/{subscription}", {"expirationDateTime": until})
    except NotFoundError:
        return False
    return True


def _made(client: GraphClient, push: PushAddress, until: str) -> dict[str, Any]:
    return {
        "changeType": "created,updated,deleted",
        "notificationUrl": push.url,
        "lifecycleNotificationUrl": push.url,
        "resource": f"{client.root}/messages",
        "expirationDateTime": until,
        "clientState": push.secret,
    }


def _held(client: GraphClient, address: str) -> list[str]:
    found, path = [], "/subscriptions"
    while path:
        answer = client.service(path)
        rows = answer.get("value")
        if not isinstance(rows, list):
            raise UnavailableError("Graph does not list the subscriptions")
        found += [str(row["id"]) for row in rows if row.get("notificationUrl") == address]
        path = str(answer.get("@odata.nextLink", ""))
    return found
