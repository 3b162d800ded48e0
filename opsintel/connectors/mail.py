"""What a provider knows of a mail beside its bytes, carried as the first header field of the payload.

The bytes behind it are the provider's, untouched, so that one parser serves all. Only the first field is believed: a
sender can write the same name into a mail, and it then stands behind ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

FIELD = b"X-Opsintel-Source: "
_LINE_LIMIT = 48 * 1024
_LABELS_LIMIT, _OWN_LIMIT, _TEXT_LIMIT = 50, 100, 300


@dataclass(frozen=True, slots=True)
class MailFacts:
    """Labels (categories, flags) as people see them, the provider's thread, its time, and the account's addresses.

    `labels` is None where the provider has none: those in the mail's own header then hold.
    """

    labels: tuple[str, ...] | None = None
    thread: str = ""
    received_at: datetime | None = None
    own_addresses: tuple[str, ...] = ()


def with_facts(payload: bytes, facts: MailFacts) -> bytes:
    """Return a mail with what its provider knows of it in front; the same facts give the same bytes."""
    told = {
        "labels": None if facts.labels is None else _texts(facts.labels, _LABELS_LIMIT),
        "thread": facts.thread[:_TEXT_LIMIT],
        "received_at": facts.received_at.isoformat() if facts.received_at else None,
        "own": _texts(facts.own_addresses, _OWN_LIMIT),
    }
    told = {name: value for name, value in told.items() if value not in ("", [], None) or name == "labels"}
    # Not escaped: what is looked for in bytes (a person who is erased) is to be found.
    return FIELD + json.dumps(told, ensure_ascii=False).encode(errors="replace") + b"\r\n" + payload


def facts_of(payload: bytes) -> MailFacts:
    """Return what a provider told of a mail; nothing where the mail does not begin with our field."""
    if not payload.startswith(FIELD):
        return MailFacts()
    end = payload.find(b"\n", 0, _LINE_LIMIT)
    try:
        told = json.loads(payload[len(FIELD) : end]) if end > 0 else None
        if not isinstance(told, dict):
            return MailFacts()
        received_at = told.get("received_at")
        return MailFacts(
            labels=None if told.get("labels") is None else tuple(_texts(told["labels"], _LABELS_LIMIT)),
            thread=str(told.get("thread", ""))[:_TEXT_LIMIT],
            received_at=datetime.fromisoformat(received_at).astimezone(UTC) if received_at else None,
            own_addresses=tuple(_texts(told.get("own", ()), _OWN_LIMIT)),
        )
    except (ValueError, TypeError, RecursionError, OverflowError):
        return MailFacts()


def _texts(values: Iterable[object], limit: int) -> list[str]:
    """Return the texts among values, each once, in their order."""
    texts = (value.strip()[:_TEXT_LIMIT] for value in values if isinstance(value, str))
    return list(dict.fromkeys(text for text in texts if text))[:limit]
