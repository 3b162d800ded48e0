"""Pub/Sub pushes: a token of Google says who sends them, and their content is no more than a hint.

Token: cloud.google.com/pubsub/docs/authenticate-push-subscriptions. The keys that it is verified by are kept with the
credential and renewed with the watch, so that receiving a push calls nobody.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt

from opsintel.connectors.contract import Delivery, news_of
from opsintel.errors import InputError, SignatureError

ISSUERS = ("https://accounts.google.com", "accounts.google.com")
SKEW = timedelta(minutes=5)
_TOKEN_LIMIT, _TEXT_LIMIT = 8 * 1024, 200
_LEAST_BITS = 2048


def push_trust(audience: str, account: str, keys: Mapping[str, Any]) -> str:
    """Return what pushes are verified by, as a field of the credential keeps it; `keys` is a JWK set (RFC 7517)."""
    kept = [key for key in keys.get("keys", []) if isinstance(key, dict) and key.get("kty") == "RSA"]
    return json.dumps({"audience": audience, "account": account, "keys": kept})


def received(headers: Mapping[str, str], body: bytes, trust: bytes, received_at: datetime) -> Delivery:
    """Return the delivery of a push that Google signed for us; `SignatureError` for any other."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise SignatureError("The push carries no token")
    _verify(token.strip(), _object(trust), received_at)
    message = _object(body).get("message")
    if not isinstance(message, dict):
        raise InputError("This is no push of Pub/Sub: it has no message")
    delivery_id = message.get("messageId") or message.get("message_id")
    if not isinstance(delivery_id, str) or not 0 < len(delivery_id) <= _TEXT_LIMIT:
        raise InputError("This is no push of Pub/Sub: its message has no id")
    if mailbox_of(message) is None:
        raise InputError("This is no push of Gmail: it names no mailbox")
    return Delivery(delivery_id, (news_of("messages"),))


def mailbox_of(message: Mapping[str, Any]) -> str | None:
    """Return the address of the mailbox that a message of Pub/Sub tells of; None where it is not one of Gmail's."""
    try:
        told = json.loads(base64.b64decode(str(message.get("data", "")), validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    address = told.get("emailAddress") if isinstance(told, dict) else None
    return address if isinstance(address, str) and address else None


def _verify(token: str, trust: Mapping[str, Any], moment: datetime) -> None:
    """Require a token that one of Google's keys signed, for our audience, of our subscription's account, and of now."""
    if len(token) > _TOKEN_LIMIT:
        raise SignatureError("The token of the push is too long")
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        (key,) = [key for key in trust.get("keys", []) if key_id is not None and key.get("kid") == key_id]
        public = jwt.PyJWK.from_dict(key, algorithm="RS256").key
        claims = json.loads(jwt.PyJWS().decode(token, public, algorithms=["RS256"]))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SignatureError("The token of the push is not signed with a key of Google's that is known here") from None
    if public.key_size < _LEAST_BITS or not isinstance(claims, dict):
        raise SignatureError("The token of the push is signed with a weak key, or says nothing")
    if claims.get("iss") not in ISSUERS or not _is_same(claims.get("aud"), trust.get("audience")):
        raise SignatureError("The token of the push is of another issuer, or for another audience")
    if claims.get("email_verified") is not True or not _is_same(claims.get("email"), trust.get("account")):
        raise SignatureError("The push is sent by another account than that of the subscription")
    ends, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(ends, int) or not isinstance(issued, int):
        raise SignatureError("The token of the push says not when it was issued and when it ends")
    if ends < (moment - SKEW).timestamp() or issued > (moment + SKEW).timestamp():
        raise SignatureError("The token of the push has ended, or is of the future")


def _is_same(told: object, expected: object) -> bool:
    texts = isinstance(told, str) and isinstance(expected, str) and bool(expected)
    return texts and hmac.compare_digest(str(told).encode(), str(expected).encode())


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}
