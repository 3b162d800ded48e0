"""How far the issues of a source have been read: the newest time, and which issues around it are known.

Issues come in the order of their last update. The index that is searched lags behind, so an issue can appear later than
others that were updated after it. Each reading therefore looks again at the ten minutes before the last look (by Jira's
clock), and passes over what it knows: pairs of id and time, since an issue that is updated again is to be read again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from opsintel.connectors.contract import Cursor
from opsintel.connectors.files.times import value_time

OVERLAP = timedelta(minutes=10)
KNOWN_LIMIT = 5_000
"""Issues that a cursor names. Where more were updated within ten minutes, the oldest of them are read twice."""

_SECOND = 1_000


def milliseconds(moment: datetime) -> int:
    """Return a time as JQL takes it: as text it would be read in the time zone of the account."""
    return int(moment.timestamp() * 1000)


def updated_at(issue: dict[str, object]) -> int:
    """Return the time of an issue's last update in milliseconds, 0 where it has none."""
    fields = issue.get("fields")
    moment = value_time(fields.get("updated")) if isinstance(fields, dict) else None
    return 0 if moment is None else milliseconds(moment)


def whole_second(moment: int) -> int:
    """Return the beginning of a second: Data Center compares and orders by seconds."""
    return moment // _SECOND * _SECOND


@dataclass
class Boundary:
    """Times in milliseconds since 1970, UTC."""

    newest: int = 0
    looked: int = 0
    """When the site was last looked at, by its own clock."""
    known: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Cursor | None) -> Boundary:
        """Return the boundary of a cursor; one that is not ours means that nothing was read."""
        newest, looked, known = (cursor or {}).get("updated"), (cursor or {}).get("looked"), (cursor or {}).get("known")
        if not (isinstance(newest, int) and isinstance(looked, int) and isinstance(known, dict)):
            return cls()
        if not all(isinstance(moment, int) for moment in known.values()):
            return cls()
        return cls(newest, looked, dict(known))

    @property
    def start(self) -> int:
        """From which time of update issues are looked at."""
        return max(whole_second(min(self.newest, self.looked - milliseconds_of(OVERLAP))), 0)

    def knows(self, issue_id: str, moment: int) -> bool:
        """Tell whether an issue was read as it was at a time."""
        return self.known.get(issue_id, -1) >= moment

    def add(self, issue_id: str, found_at: int, read_at: int) -> None:
        """Note that an issue was found with one time of update, and read with the same or a later one."""
        self.newest = max(self.newest, found_at)
        self.known[issue_id] = read_at

    def cursor(self) -> Cursor:
        """Return what is kept of it."""
        start = self.start
        recent = {one: moment for one, moment in self.known.items() if moment >= start}
        if len(recent) > KNOWN_LIMIT:
            recent = dict(sorted(recent.items(), key=lambda pair: pair[1])[-KNOWN_LIMIT:])
        self.known = recent
        return {"updated": self.newest, "looked": self.looked, "known": dict(recent)}


def milliseconds_of(span: timedelta) -> int:
    """Return a span in milliseconds."""
    return span // timedelta(milliseconds=1)
