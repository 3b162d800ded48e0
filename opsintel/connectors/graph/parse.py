"""A message of Graph becomes an item: the mail's bytes, with categories, conversation and account in front."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opsintel.connectors.contract import Failure, PayloadFormat, Upsert
from opsintel.connectors.graph.folders import Folder
from opsintel.connectors.mail import MailFacts, with_facts


def upsert_of(row: Mapping[str, Any], payload: bytes, folder: Folder, own: tuple[str, ...]) -> Upsert | Failure:
    """Return the item of a message. The event time is Outlook's own, when it took the mail in.

    The version is the change key, which each change of the message makes anew, with the path of its folder.
    """
    native_id, received_at = str(row["id"]), time_of(row)
    if received_at is None:
        return Failure("message", native_id, "Graph gives no time", retryable=False)
    categories = sorted(name for name in row.get("categories") or () if isinstance(name, str))
    # Who sent what lies in Sent Items is the account, also by an alias that nobody has told us.
    own = tuple(sorted({*own, *_author(row)})) if folder.is_sent else own
    facts = MailFacts(tuple(categories), f"graph:{row.get('conversationId') or native_id}", received_at, own)
    place = hashlib.sha256(folder.path.encode(errors="replace")).hexdigest()[:8]
    version = f"{row.get('changeKey', '')}-{place}"
    return Upsert(native_id, version, with_facts(payload, facts), PayloadFormat.MIME, received_at, folder.path)


def time_of(row: Mapping[str, Any]) -> datetime | None:
    """Return receivedDateTime; None for none, and for year one, which stands for none."""
    try:
        moment = datetime.fromisoformat(str(row.get("receivedDateTime")))
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if moment.year > 1 else None


def _author(row: Mapping[str, Any]) -> list[str]:
    sender = row.get("from")
    address = sender.get("emailAddress") if isinstance(sender, dict) else None
    found = address.get("address") if isinstance(address, dict) else None
    return [found.lower()] if isinstance(found, str) and "@" in found else []
