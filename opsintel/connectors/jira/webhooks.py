"""Webhooks of Jira: what a push says, and that it is Jira's.

Two kinds there are. Those that an administrator makes by hand, on Cloud and Data Center, are signed on the body
(X-Hub-Signature, WebSub section 7). Those that an OAuth app registers bring a token signed with the app's secret, which
vouches for the sender alone (developer.atlassian.com/cloud/jira/platform/webhooks). A push only marks keys.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt

from opsintel.connectors.contract import Delivery
from opsintel.connectors.files.times import value_time
from opsintel.connectors.jira.parse import comment_key, whole
from opsintel.errors import InputError, SignatureError

EVENTS = (
    "jira:issue_created", "jira:issue_updated", "jira:issue_deleted",
    "comment_created", "comment_updated", "comment_deleted",
)  # fmt: skip
WINDOW = timedelta(minutes=5)
_METHOD = "sha256="
_BEARER = "bearer "


def delivery_of(headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
    """Return what a push marks dirty; raises as `Pushed.receive` does.

    Its identity is a digest of its body: headers that name it are not signed.
    """
    signature, token = headers.get("x-hub-signature", ""), headers.get("authorization", "")
    if signature:
        _verify_signature(signature, body, secret)
    elif token.lower().startswith(_BEARER):
        _verify_token(token[len(_BEARER) :].strip(), secret, received_at)
    else:
        raise SignatureError("The push is not signed", remedy="Give the webhook the secret that is shown at the source")
    event = _event(body)
    _verify_time(event.get("timestamp"), received_at)
    return Delivery(hashlib.sha256(body).hexdigest(), _keys(event))


def _verify_signature(signature: str, body: bytes, secret: bytes) -> None:
    expected = _METHOD + hmac.digest(secret, body, hashlib.sha256).hex()
    if not hmac.compare_digest(expected.encode(), signature.strip().encode("utf-8", "replace")):
        raise SignatureError("The push has another signature", remedy="Check the secret of the webhook in Jira")


def _verify_token(token: str, secret: bytes, received_at: datetime) -> None:
    try:
        claims = json.loads(jwt.PyJWS().decode(token, secret, algorithms=["HS256"]))
    except (jwt.PyJWTError, ValueError):
        raise SignatureError("The push has a token that is not Jira's", remedy="Check the app's secret") from None
    ends = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(ends, int | float) and ends < received_at.timestamp():
        raise SignatureError("The token of the push has ended")


def _verify_time(timestamp: object, received_at: datetime) -> None:
    moment = value_time(timestamp)
    if moment is None or abs(received_at - moment) > WINDOW:
        raise SignatureError("The push is older than five minutes, or has no time")


def _event(body: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("webhookEvent"), str):
        raise InputError("This is no push of Jira")
    return event


def _keys(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys that an event marks; () where it is about no issue."""
    issue_id = _id(event.get("issue"))
    if not issue_id:
        return ()
    name = event["webhookEvent"]
    comment_id = _id(event.get("comment"))
    if name.startswith("comment_") and comment_id:
        return (comment_key(issue_id, comment_id),)
    if name != "jira:issue_deleted":
        return (whole(issue_id),)
    held: Any = event["issue"]
    for part in ("fields", "comment", "comments"):
        held = held.get(part) if isinstance(held, dict) else None
    comments = held if isinstance(held, list) else []
    return (whole(issue_id), *(comment_key(issue_id, one) for comment in comments if (one := _id(comment))))


def _id(value: object) -> str:
    found = str(value.get("id", "")) if isinstance(value, dict) else ""
    return found if found.isascii() and found.isdigit() else ""
