"""Webhooks of Zendesk: what a push says, and that it is theirs.

The signature is base64(HMAC-SHA256(secret, timestamp + body)) (developer.zendesk.com/documentation/webhooks/verifying).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from opsintel.connectors.contract import Delivery
from opsintel.connectors.files.times import value_time
from opsintel.connectors.zendesk.parse import whole
from opsintel.errors import InputError, SignatureError

WINDOW = timedelta(minutes=5)
_SUBJECT = re.compile(r"zen:ticket:(\d{1,18})\Z", re.ASCII)


def delivery_of(headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
    """Return what a push marks dirty; raises as `Pushed.receive` does. Its identity is a digest of what is signed."""
    signature = headers.get("x-zendesk-webhook-signature", "")
    timestamp = headers.get("x-zendesk-webhook-signature-timestamp", "")
    signed = timestamp.encode("utf-8", "replace") + body
    expected = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256))
    if not hmac.compare_digest(expected, signature.strip().encode("utf-8", "replace")):
        raise SignatureError("The push has no signature or another", remedy="Check the webhook's secret at the source")
    moment = value_time(timestamp)
    if moment is None or abs(received_at - moment) > WINDOW:
        raise SignatureError("The push is older than five minutes, or has no time")
    ticket_id = _ticket(_event(body))
    return Delivery(hashlib.sha256(signed).hexdigest(), (whole(ticket_id),) if ticket_id else ())


def _event(body: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise InputError("This is no push of Zendesk")
    return event


def _ticket(event: Mapping[str, Any]) -> int:
    """Return the ticket that a push is about, 0 for none.

    An event names it as its subject; a trigger says what its author wrote, for us {"ticket_id": "{{ticket.id}}"}.
    """
    subject = _SUBJECT.match(str(event.get("subject", "")))
    if subject:
        return int(subject.group(1))
    named = str(event.get("ticket_id", ""))
    return int(named) if re.fullmatch(r"\d{1,18}", named, re.ASCII) else 0
