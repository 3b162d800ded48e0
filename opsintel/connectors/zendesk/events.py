"""Events of tickets, as /incremental/ticket_events with comment_events gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_COMMENTS = frozenset(["Comment", "VoiceComment"])
_CHANGES = frozenset(["CommentRedactionEvent", "AttachmentRedactionEvent", "CommentPrivacyChange"])


def children(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what an event consists of."""
    value = event.get("child_events")
    for child in value if isinstance(value, list) else ():
        if isinstance(child, dict):
            yield child


def kind_of(child: Mapping[str, Any]) -> str:
    """Return what kind of change it is."""
    return str(child.get("event_type") or child.get("type") or "")


def comments_of(event: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield the comments of an event, and whether each is what its ticket was opened with."""
    is_first = any(kind_of(child) == "Create" for child in children(event))
    for child in children(event):
        if kind_of(child) in _COMMENTS:
            yield {"created_at": event.get("created_at"), **child}, is_first
            is_first = False


def changes_comments(event: Mapping[str, Any]) -> bool:
    """Tell whether it rewrites comments that were made before: their text, their files, or who sees them."""
    return any(kind_of(child) in _CHANGES for child in children(event))


def ticket_of(event: Mapping[str, Any]) -> int:
    """Return the ticket that it is about, 0 for none."""
    value = event.get("ticket_id")
    return value if isinstance(value, int) else 0


def time_of(event: Mapping[str, Any]) -> int:
    """Return when it happened, in seconds since 1970."""
    value = event.get("timestamp")
    return value if isinstance(value, int) else 0
