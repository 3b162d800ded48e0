"""Which messages of a mailbox a source has: by its settings, and by what the provider evaluates of its filter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opsintel.connectors.contract import Window
from opsintel.connectors.gmail.client import GmailClient
from opsintel.connectors.gmail.manifest import GmailConfig

_GAP = timedelta(days=1)
"""Messages no further apart are looked for by one search."""


@dataclass(frozen=True)
class Selection:
    """Labels that a message has and has not, and a search."""

    label_ids: frozenset[str]
    without: frozenset[str]
    q: str
    read_spam: bool

    @classmethod
    def of(cls, config: GmailConfig, pushed: Mapping[str, Any]) -> Selection:
        """Return the selection of a source; what is in the trash is deleted, and never read."""
        without = {"TRASH"} | (set() if config.read_spam else {"SPAM"}) | (set() if config.read_drafts else {"DRAFT"})
        ids = frozenset(str(label) for label in pushed.get("labelIds", ()))
        return cls(ids, frozenset(without), str(pushed.get("q", "")), config.read_spam)

    def parameters(self, *bounds: str) -> dict[str, Any]:
        """Return the parameters of messages.list, further bounded by terms of a search."""
        asked = [*bounds, "-in:trash"] if self.read_spam else list(bounds)
        asked += ["-in:drafts"] if "DRAFT" in self.without else []
        search = " ".join([f"({self.q})" if self.q and asked else self.q, *asked]).strip()
        found: dict[str, Any] = {"labelIds": sorted(self.label_ids)} if self.label_ids else {}
        return found | ({"q": search} if search else {}) | ({"includeSpamTrash": True} if self.read_spam else {})

    def has(self, label_ids: Iterable[str]) -> bool:
        """Tell by its labels whether a message may be selected; the search is for `found` to ask."""
        labels = frozenset(label_ids)
        return self.label_ids <= labels and not labels & self.without

    def found(self, client: GmailClient, times: Mapping[str, int]) -> set[str]:
        """Return those of some messages, with their times in milliseconds, that the search finds.

        Gmail evaluates a search over a list only: it is asked for the spans of time in which the messages lie.
        """
        if not self.q:
            return set(times)
        found: set[str] = set()
        for first, last in _spans(sorted(times.values())):
            page = ""
            while True:
                listed = client.messages(self.parameters(*between(first // 1000, last // 1000 + 1)), page)
                found.update(listed.entries)
                page = listed.next_page
                if not page:
                    break
        return found & times.keys()


def between(first: int | None, end: int | None) -> list[str]:
    """Return the terms of a search for a span in seconds since 1970, a second wider on either side."""
    after = [] if first is None else [f"after:{max(first - 1, 0)}"]
    return after + ([] if end is None else [f"before:{end + 1}"])


def bounds_of(window: Window) -> list[str]:
    """Return the terms of a search for a window: what it finds beyond is to be left out by its time."""
    first, end = (None if moment is None else _seconds(moment) for moment in (window.start, window.end))
    return between(first, None if end is None else end + 1)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _spans(times: list[int]) -> list[tuple[int, int]]:
    """Return the spans of sorted times between which there is no long gap."""
    spans: list[tuple[int, int]] = []
    for time in times:
        if spans and time - spans[-1][1] <= _GAP.total_seconds() * 1000:
            spans[-1] = spans[-1][0], time
        else:
            spans.append((time, time))
    return spans
