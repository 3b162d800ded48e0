"""Census: which tickets and comments there are, counted by the two exports alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from opsintel.connectors.contract import Window
from opsintel.connectors.files.times import value_time
from opsintel.connectors.zendesk.client import ZendeskClient, seconds
from opsintel.connectors.zendesk.events import comments_of, ticket_of, time_of
from opsintel.connectors.zendesk.parse import comment_key


def count(
    client: ZendeskClient, window: Window, start: int, chosen: Collection[int] | None
) -> Iterator[tuple[str, datetime | None]]:
    """Yield (native id, event time) of tickets that are not deleted, and of their comments, each once."""
    if window.start is not None:
        start = max(start, seconds(window.start))
    alive = _tickets(client, start, chosen)
    yield from ((str(number), created) for number, created in alive.items() if window.holds(created))
    for number, comment_id, created in _comments(client, start):
        if number in alive and window.holds(created):
            yield comment_key(number, comment_id), created


def _tickets(client: ZendeskClient, start: int, chosen: Collection[int] | None) -> dict[int, datetime | None]:
    """Return tickets that are there at the end of the export: one may be deleted on its later pages."""
    found: dict[int, datetime | None] = {}
    after = ""
    while True:
        page = client.export_tickets(start, after, are_counted=True)
        for ticket in page.tickets:
            number = ticket.get("id")
            if not isinstance(number, int) or (chosen is not None and number not in chosen):
                continue
            if ticket.get("status") == "deleted":
                found.pop(number, None)
            else:
                found[number] = value_time(ticket.get("created_at"))
        after = page.after
        if page.is_last:
            return found


def _comments(client: ZendeskClient, start: int) -> Iterator[tuple[int, int, datetime | None]]:
    """Yield comments that are not the first of their ticket: that one is the ticket."""
    seen: set[object] = set()
    while True:
        page = client.export_events(start, are_counted=True)
        for event in page.events:
            if event.get("id") in seen:
                continue
            for comment, is_first in comments_of(event):
                if not is_first and isinstance(comment.get("id"), int):
                    yield ticket_of(event), comment["id"], value_time(comment.get("created_at"))
        if page.is_last:
            return
        start = max(page.end_time, start + 1)
        seen = {event.get("id") for event in page.events if time_of(event) >= start}
