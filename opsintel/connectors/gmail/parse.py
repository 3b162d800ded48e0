"""A message of the Gmail API becomes an item: the mail's bytes, with labels, thread and account in front."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opsintel.connectors.contract import Failure, PayloadFormat, Upsert
from opsintel.connectors.mail import MailFacts, with_facts


@dataclass(frozen=True)
class Account:
    """What messages are described by: names of the account's labels by id, and its addresses."""

    labels: Mapping[str, str]
    own_addresses: tuple[str, ...]

    def hashes(self) -> dict[str, str]:
        """Return a short hash of each name that a person gave a label; those of Gmail's own never change."""
        return {key: _short(name) for key, name in self.labels.items() if key != name}


def upsert_of(native_id: str, message: Mapping[str, Any], account: Account) -> Upsert | Failure:
    """Return the item of a message. The event time is Gmail's own, when it took the mail in.

    The version is the last change that Gmail knows of the message, which is one of its labels, with their names.
    """
    payload = _decoded(message.get("raw"))
    received_at = time_of(message)
    if payload is None or received_at is None:
        what = "no bytes of a mail" if payload is None else "no time"
        return Failure("message", native_id, f"Gmail gives {what}", retryable=False)
    names = sorted(account.labels.get(label, label) for label in label_ids(message))
    facts = MailFacts(tuple(names), f"gmail:{message.get('threadId', native_id)}", received_at, account.own_addresses)
    version = f"{message.get('historyId', '')}-{_short(json.dumps(names))}"
    return Upsert(native_id, version, with_facts(payload, facts), PayloadFormat.MIME, received_at)


def label_ids(message: Mapping[str, Any]) -> list[str]:
    """Return the ids of a message's labels; one that is archived, read and not filed has none."""
    return [label for label in message.get("labelIds", []) if isinstance(label, str)]


def milliseconds_of(message: Mapping[str, Any]) -> int | None:
    """Return internalDate: milliseconds since 1970."""
    try:
        return int(message.get("internalDate", ""))
    except (ValueError, TypeError):
        return None


def time_of(message: Mapping[str, Any]) -> datetime | None:
    """Return when Gmail took a message in."""
    milliseconds = milliseconds_of(message)
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _short(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]


def _decoded(raw: object) -> bytes | None:
    """Return the bytes of base64url, with or without padding; None for what is none, and for no bytes."""
    if not isinstance(raw, str) or not raw:
        return None
    try:
        return base64.b64decode(raw + "=" * (-len(raw) % 4), altchars=b"-_", validate=True) or None
    except (binascii.Error, ValueError):
        return None
