"""Slack's pushes, by the Events API or Socket Mode: what they prove, and which keys they mark dirty.

A push is a hint. A reply marks its whole thread, so that replies whose pushes were lost come along; an edit or a
deletion marks its message. Signature: docs.slack.dev/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from slack_sdk.signature import Clock, SignatureVerifier

from opsintel.connectors.contract import Delivery
from opsintel.connectors.files.text import ID_LIMIT, plain
from opsintel.connectors.slack.parse import native_id
from opsintel.connectors.slack.times import is_ts
from opsintel.connectors.slack.walk import thread_key
from opsintel.errors import InputError, SignatureError

_TIMESTAMP, _SIGNATURE = "x-slack-request-timestamp", "x-slack-signature"
_LONGEST_TIMESTAMP = 12
_INNER = {"message_changed": "message", "message_replied": "message", "message_deleted": "previous_message"}


class _At(Clock):
    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> float:
        return self._moment.timestamp()


def verified_delivery(headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> Delivery:
    """Return what a push marks dirty, or the answer to the check of an address (`url_verification`).

    Raises `SignatureError` for what the app's secret did not sign in the last five minutes, `InputError` for what is
    signed and no push.
    """
    _verify(headers, body, secret, received_at)
    try:
        outer = json.loads(body)
    except (ValueError, RecursionError):
        outer = None
    if not isinstance(outer, dict):
        raise InputError("The push is no JSON object")
    challenge, event_id = outer.get("challenge"), outer.get("event_id")
    if outer.get("type") == "url_verification" and isinstance(challenge, str):
        return Delivery("", answer=challenge.encode("utf-8", "replace"))
    if outer.get("type") == "event_callback" and isinstance(event_id, str) and event_id:
        return Delivery(plain(event_id)[:ID_LIMIT], keys_of(outer))
    if outer.get("type") == "app_rate_limited":
        # More than 30,000 events in an hour: Slack drops some, and the next read finds them.
        return Delivery(f"app_rate_limited {outer.get('minute_rate_limited')}"[:ID_LIMIT])
    raise InputError("The push is none of the Events API")


def keys_of(outer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys that an event marks dirty: of a message, of a thread, or none."""
    event = outer.get("event")
    if not isinstance(event, dict) or event.get("type") != "message" or not isinstance(event.get("channel"), str):
        return ()
    channel, subtype = plain(event["channel"]), str(event.get("subtype"))
    inner = event.get(_INNER.get(subtype, ""))
    message = inner if isinstance(inner, dict) else event
    ts = message.get("ts") if isinstance(inner, dict) else event.get("deleted_ts") or event.get("ts")
    root = message.get("thread_ts")
    if is_ts(root) and (subtype == "message_replied" or (subtype not in _INNER and root != ts)):
        return (thread_key(channel, root),)
    return (native_id(channel, ts),) if is_ts(ts) else ()


def _verify(headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> None:
    timestamp, signature = headers.get(_TIMESTAMP, ""), headers.get(_SIGNATURE, "")
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP
    if not is_number or not signature.isascii():
        raise SignatureError("The push has no signature of Slack")
    try:
        signing_secret = secret.decode()
        # Not slack-sdk's default clock: what counts is when the push came, not when it is looked at.
        is_valid = bool(signing_secret.strip()) and SignatureVerifier(signing_secret, _At(received_at)).is_valid(
            body, timestamp, signature
        )
    except UnicodeDecodeError:
        is_valid = False
    if not is_valid:
        raise SignatureError("The push is not signed with the app's secret, or was signed long ago")
