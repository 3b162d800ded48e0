"""How far an account was read: first through its events, which bring all comments in bulk, then by changed tickets.

Both exports go in the order of the provider's own time of change. Within a page the cursor names what of it was read,
so that a reading that is killed asks for the page again and repeats nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from opsintel.connectors.contract import Cursor

Phase = Literal["events", "tickets"]


@dataclass
class Position:
    """Times are seconds since 1970, UTC."""

    phase: Phase = "events"
    start_time: int = 0
    began: int = 0
    """From when on tickets are read again after the events: shortly before these were begun with."""
    after: str = ""
    generated: int = 0
    """The newest time of change that was read (generated_timestamp), should the place in the export be forgotten."""
    seen: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, cursor: Cursor | None, start_time: int) -> Position:
        """Return the position of a cursor; one that is not ours means that everything since `start_time` is read."""
        found = cursor or {}
        phase: Phase = "tickets" if found.get("phase") == "tickets" else "events"
        numbers = [found.get(name) for name in ("start_time", "began", "generated")]
        after, seen = found.get("after"), found.get("seen")
        if found.get("phase") not in ("events", "tickets") or not isinstance(after, str) or not isinstance(seen, list):
            return cls(start_time=start_time)
        if not all(isinstance(number, int) for number in numbers) or not all(isinstance(one, str) for one in seen):
            return cls(start_time=start_time)
        start, began, generated = (number for number in numbers if isinstance(number, int))
        return cls(phase, start, began, after, generated, list(seen))

    def cursor(self) -> Cursor:
        """Return what is kept of it."""
        return {
            "phase": self.phase,
            "start_time": self.start_time,
            "began": self.began,
            "after": self.after,
            "generated": self.generated,
            "seen": list(self.seen),
        }
