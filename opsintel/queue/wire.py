"""An announcement as bytes, and back: what cannot be read is refused with its reason, never guessed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from opsintel.errors import ItemError, one_line
from opsintel.partitions import STAGE_NAMES
from opsintel.queue.contract import PARTITION_DIRTY, Announcement
from opsintel.tracing import TRACE_ID

VERSION = 1
"""Version of the payload that this installation writes; it reads this one and older ones."""

MAX_BODY = 16 * 1024
"""Bytes of an announcement, at most: it carries ids."""

MAX_REASON = 200
PROBE = b'{"topic":"probe"}'
"""Published to learn whether the queue confirms; the consumer drops it."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

Reason = Literal["malformed", "too_large", "newer_version", "unknown_tenant", "poison"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The outbox row that an announcement came from."""

    tenant_id: UUID
    id: UUID


class RefusedError(ItemError):
    """An announcement that cannot be consumed as it is: it goes to quarantine, the others go on."""

    code = "announcement_refused"

    def __init__(self, reason: Reason, detail: str, origin: Origin | None = None) -> None:
        super().__init__(one_line(detail))
        self.reason: Reason = reason
        self.origin = origin


def encode(announcement: Announcement) -> bytes:
    """Return the announcement as bytes: the same announcement, the same bytes."""
    fields = {
        "tenant_id": str(announcement.tenant_id),
        "id": str(announcement.id),
        "topic": announcement.topic,
        "payload": announcement.payload,
    }
    return _ENCODER.encode(fields).encode()


def decode(body: bytes) -> Announcement:
    """Return the announcement of a delivery; `RefusedError` when it is too large, malformed or of a newer version."""
    if len(body) > MAX_BODY:
        raise RefusedError("too_large", f"{len(body):,} bytes, more than {MAX_BODY:,}")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError("malformed", "It is not JSON") from None
    if not isinstance(fields, dict):
        raise RefusedError("malformed", "It is not a JSON object")
    try:
        origin = Origin(UUID(fields["tenant_id"]), UUID(fields["id"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        raise RefusedError("malformed", "tenant_id or id is no UUID") from None
    payload = _checked(fields.get("topic"), fields.get("payload"), origin)
    return Announcement(origin.tenant_id, origin.id, PARTITION_DIRTY, payload)


def _checked(topic: object, payload: object, origin: Origin) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise RefusedError("malformed", "The payload is not a JSON object", origin)
    version = payload.get("version", VERSION)
    if not isinstance(version, int):
        raise RefusedError("malformed", "The version is no number", origin)
    if version > VERSION:
        raise RefusedError("newer_version", f"Version {version}; this installation reads {VERSION}", origin)
    if topic != PARTITION_DIRTY:
        raise RefusedError("newer_version", f"This installation knows no topic {str(topic)[:60]!r}", origin)
    try:
        date.fromisoformat(payload["day"])
    except (KeyError, ValueError, TypeError):
        raise RefusedError("malformed", "The day is no date", origin) from None
    if payload.get("first_stage", STAGE_NAMES[0]) not in STAGE_NAMES:
        raise RefusedError(
            "newer_version", f"This installation knows no stage {str(payload['first_stage'])[:60]!r}", origin
        )
    trace_id = payload.get("trace_id", "")
    if not isinstance(trace_id, str) or (trace_id and not TRACE_ID.fullmatch(trace_id)):
        raise RefusedError("malformed", "The trace is no 32 hexadecimal digits", origin)
    reason = payload.get("reason")
    if not isinstance(reason, str) or len(reason) > MAX_REASON or one_line(reason) != reason:
        raise RefusedError("malformed", f"The reason is no line of at most {MAX_REASON} characters", origin)
    return payload
