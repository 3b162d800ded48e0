"""Signatures of Standard Webhooks (www.standardwebhooks.com, specification 1.0), the symmetric kind.

Signed is `id.timestamp.body` by HMAC-SHA256 with the bytes behind `whsec_`. The header holds one or more signatures
with blanks between, each `v1,` and base64: several while a secret is exchanged.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from opsintel.errors import SignatureError

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
_ID = re.compile(r"[!-~]{1,256}")
_TIME = re.compile(r"[0-9]{1,12}")


def signature_of(delivery_id: str, timestamp: str, body: bytes, secret: bytes) -> str:
    """Return the signature of a delivery as its header has it; `SignatureError` for a secret of another form."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def verify(headers: Mapping[str, str], body: bytes, secret: bytes, received_at: datetime) -> str:
    """Return the id of a delivery that was signed within five minutes of its receipt; else raise `SignatureError`."""
    delivery_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(delivery_id) or not _TIME.fullmatch(timestamp):
        raise SignatureError("The headers webhook-id and webhook-timestamp are missing, or of another form")
    if abs(received_at.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureError("The request was signed more than five minutes ago, or ahead")
    expected = signature_of(delivery_id, timestamp, body, secret).encode()
    given = [one.encode() for one in headers.get("webhook-signature", "").split(" ")]
    if not any([hmac.compare_digest(expected, one) for one in given]):  # all are compared, whichever is right
        raise SignatureError("The signature is not of this body with this source's secret")
    return delivery_id


def _key(secret: bytes) -> bytes:
    try:
        return base64.b64decode(secret.decode("ascii").removeprefix(PREFIX), validate=True)
    except (binascii.Error, UnicodeDecodeError):
        raise SignatureError("The secret of the source has another form") from None
