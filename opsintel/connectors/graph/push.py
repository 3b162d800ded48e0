"""Change notifications of Graph (learn.microsoft.com/graph/change-notifications-overview), and those of their life.

Graph signs nothing: what it was given at the subscription, `clientState`, comes back with each notification.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from opsintel.connectors.contract import Delivery, news_of
from opsintel.errors import InputError, SignatureError

RENEWAL = "subscription:renew"
"""The key that asks to renew the subscription, as notifications of its life do."""

_LIFE = {
    "reauthorizationRequired": (RENEWAL,),
    "subscriptionRemoved": (RENEWAL, news_of("messages")),
    "missed": (news_of("messages"),),
}
_TOKEN_LIMIT = 4_000


def received(headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
    """Return the delivery of a notification, or the echo of a validation token, which marks nothing."""
    token = parse_qs(headers.get(":query", "")).get("validationToken", [""])[0]
    if token and len(token) <= _TOKEN_LIMIT:
        return Delivery(hashlib.sha256(token.encode()).hexdigest()[:32], answer=token.encode())
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    entries = content.get("value") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise SignatureError("The push holds no notification of Graph")
    if not secret or not all(_is_ours(entry, secret) for entry in entries):
        raise SignatureError("The push does not know what the subscription was made with")
    keys = dict.fromkeys(key for entry in entries for key in _keys(entry))
    if not keys:
        raise InputError("The notification names no message, and nothing of the subscription's life")
    # Notifications of its life are alike, and come again: those of another minute are others.
    alike = f"{received_at:%Y%m%d%H%M}" if any("lifecycleEvent" in entry for entry in entries) else ""
    return Delivery(hashlib.sha256(body + alike.encode()).hexdigest()[:32], tuple(keys))


def _is_ours(entry: object, secret: bytes) -> bool:
    state = entry.get("clientState") if isinstance(entry, dict) else None
    return isinstance(state, str) and hmac.compare_digest(state.encode(), secret)


def _keys(entry: Mapping[str, Any]) -> tuple[str, ...]:
    event = entry.get("lifecycleEvent")
    if event is not None:
        return _LIFE.get(str(event), (news_of("messages"),))
    data = entry.get("resourceData")
    key = data.get("id") if isinstance(data, dict) else None
    return (key,) if isinstance(key, str) and key else ()
