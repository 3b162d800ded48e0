"""Which messages a source has: by folder, by their time, and by conditions that a list evaluates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opsintel.connectors.contract import Window
from opsintel.connectors.graph.client import LIST_PAGE, GraphClient
from opsintel.connectors.graph.folders import Folder
from opsintel.connectors.graph.parse import time_of
from opsintel.filters.narrowing import is_in

_FROM = re.compile(r"receivedDateTime ge (\S+)")


@dataclass(frozen=True)
class Selection:
    """Names of folders (None: all), `$filter` of a delta, and `$filter` of lists."""

    folders: Sequence[str] | None = None
    delta_filter: str = ""
    list_filter: str = ""
    read_drafts: bool = False

    @classmethod
    def of(cls, pushed: Mapping[str, Any], *, read_drafts: bool) -> Selection:
        """Return the selection of a plan's pushed part."""
        filters = [str(pushed.get(name, {}).get("$filter", "")) for name in ("delta", "list")]
        return cls(pushed.get("folders"), filters[0], filters[1], read_drafts)

    def has_folder(self, folder: Folder) -> bool:
        """Tell whether a folder is read."""
        return is_in(self.folders, folder.path)

    def has(self, row: Mapping[str, Any]) -> bool:
        """Tell by its row whether a message may be selected; what a list evaluates is for `found` to ask."""
        if row.get("isDraft") and not self.read_drafts:
            return False
        begins, at = self._begins, time_of(row)
        return begins is None or at is None or at >= begins

    def found(self, client: GraphClient, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return the ids of those rows that the conditions of a list hold for."""
        times = [at for row in rows if (at := time_of(row)) is not None]
        if not self.list_filter or not times:
            return {str(row["id"]) for row in rows}
        span = f"receivedDateTime ge {_written(min(times))} and receivedDateTime le {_written(max(times))}"
        asked: dict[str, str | int] = {"$filter": f"{span} and {self.list_filter}", "$select": "id", "$top": LIST_PAGE}
        return {str(row["id"]) for row in client.all("/messages", asked)}

    def is_within(self, delta_filter: str) -> bool:
        """Tell whether a delta that was begun with a filter gives all that is selected now: bounds move with time."""
        earlier, begins = _begins(delta_filter), self._begins
        return earlier is None or (begins is not None and earlier <= begins)

    def window_filter(self, window: Window) -> str:
        """Return `$filter` for the messages of a window; seconds are whole there, so it is a second wider."""
        bounds = [] if window.start is None else [f"receivedDateTime ge {_written(window.start)}"]
        bounds += [] if window.end is None else [f"receivedDateTime le {_written(window.end)}"]
        return " and ".join([*bounds, *filter(None, [self.delta_filter, self.list_filter])])

    @property
    def _begins(self) -> datetime | None:
        return _begins(self.delta_filter)


def _begins(delta_filter: str) -> datetime | None:
    found = _FROM.search(delta_filter)
    return datetime.fromisoformat(found[1]) if found else None


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
