"""Reading a mailbox on, folder by folder: a delta gives everything once, and then what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsintel.connectors.contract import Checkpoint, Cursor, Failure, ReadItem, Tombstone
from opsintel.connectors.graph.client import FIELDS, LIST_PAGE, PAGE, GraphClient, ItemFault, Page
from opsintel.connectors.graph.faults import StateLostError
from opsintel.connectors.graph.folders import Folders
from opsintel.connectors.graph.parse import upsert_of
from opsintel.connectors.graph.selection import Selection
from opsintel.errors import NotFoundError

MOST_FILTERED = 5_000
"""Rows after which Graph ends a delta with a filter, whatever there is: beyond it is read without one."""

_PREFER = f"odata.maxpagesize={PAGE}"


@dataclass
class State:
    """Where the delta of a folder stands: its link, the filter that was asked for, whether it is read whole instead.

    `path` is what the folder was called.
    """

    link: str = ""
    path: str = ""
    filter: str = ""
    whole: bool = False
    rows: int = 0

    def values(self) -> dict[str, Any]:
        """Return the fields, without those that say nothing."""
        return {name: value for name, value in vars(self).items() if value}


@dataclass
class Feed:
    """A mailbox that is read: its folders, what is selected of them, and the account's addresses."""

    client: GraphClient
    folders: Folders
    selection: Selection
    own: tuple[str, ...]

    def read(self, cursor: Cursor | None) -> Iterator[ReadItem]:
        """Yield what is new since a cursor, a checkpoint for each page; what is no cursor of ours means everything."""
        states = _states(cursor)
        for left in [key for key in states if key not in self.folders.read]:
            yield from self._left(left)
            del states[left]
        for folder in self.folders.read.values():
            if not self.selection.has_folder(folder):
                states.pop(folder.id, None)
                continue
            state = states.get(folder.id)
            if state is None or state.path != folder.path or not self.selection.is_within(state.filter):
                state = states[folder.id] = State(path=folder.path, filter=self.selection.delta_filter)
            try:
                for item in self._folder(folder.id, state):
                    yield item if item is not None else _checkpoint(states)
            except NotFoundError:
                # It went while it was read. What it held is in Deleted Items, or gone with it: the census tells.
                del states[folder.id]
        yield _checkpoint(states)

    def items(self, rows: Sequence[Mapping[str, Any]], *, stored: bool) -> Iterator[ReadItem]:
        """Yield the items of rows; what is not selected is as if deleted, where it may be `stored`."""
        selected = [row for row in rows if self._is_selected(row)]
        found = self.selection.found(self.client, selected) if selected else set()
        by_id = {str(row["id"]): row for row in selected if str(row["id"]) in found}
        absent = [str(row["id"]) for row in rows if str(row["id"]) not in by_id]
        for key, payload in self.client.raw(list(by_id)):
            row = by_id[key]
            if isinstance(payload, bytes):
                yield upsert_of(row, payload, self.folders.read[str(row["parentFolderId"])], self.own)
            elif payload.gone:
                absent.append(key)
            else:
                yield Failure("message", key, payload.reason, payload.retryable)
        if stored:
            yield from (Tombstone(key, None) for key in absent)

    def looked_up(self, keys: Sequence[str]) -> Iterator[ReadItem]:
        """Yield the items of some ids as they are now: moved to another folder, edited, or gone."""
        rows = []
        for key, row in self.client.rows(keys):
            if not isinstance(row, ItemFault):
                rows.append(row)
            elif row.gone:
                yield Tombstone(key, None)
            else:
                yield Failure("message", key, row.reason, row.retryable)
        yield from self.items(rows, stored=True)

    def _folder(self, folder: str, state: State) -> Iterator[ReadItem | None]:
        """Yield the items of a folder; None where a page ends, and its state stands behind it."""
        while True:
            try:
                page = self._page(folder, state)
            except StateLostError:
                if not state.link:
                    raise
                # Begun again: what is stored already has the same ids and versions.
                state.link, state.rows = "", 0
                continue
            present = [row for row in page.rows if "@removed" not in row]
            # A removal from a folder is a deletion, or a move: the message itself knows.
            removed = [str(row["id"]) for row in page.rows if "@removed" in row]
            yield from self.items(present, stored=False)
            yield from self.looked_up(removed)
            state.rows += len(page.rows)
            is_cut = page.delta and state.filter and not state.whole and state.rows >= MOST_FILTERED
            if is_cut:
                state.link, state.rows, state.whole = "", 0, True
            else:
                state.link = page.more or page.delta
                state.rows = state.rows if page.more else 0
            if not is_cut and (page.delta or not page.more):
                return
            yield None

    def _page(self, folder: str, state: State) -> Page:
        if state.link:
            return self.client.page(state.link, prefer=_PREFER)
        asked: dict[str, str | int] = {"$select": FIELDS}
        if state.filter and not state.whole:
            asked["$filter"] = state.filter
        return self.client.page(f"/mailFolders/{folder}/messages/delta", asked, _PREFER)

    def _left(self, folder: str) -> Iterator[ReadItem]:
        """Yield the deletion of what a folder holds that is read no longer: it lies in Deleted Items, say."""
        if folder not in self.folders.left_out:
            return
        try:
            rows = list(self.client.all(f"/mailFolders/{folder}/messages", {"$select": "id", "$top": LIST_PAGE}))
        except NotFoundError:
            return
        yield from (Tombstone(str(row["id"]), None) for row in rows)

    def _is_selected(self, row: Mapping[str, Any]) -> bool:
        folder = self.folders.read.get(str(row.get("parentFolderId")))
        return folder is not None and self.selection.has_folder(folder) and self.selection.has(row)


def _states(cursor: Cursor | None) -> dict[str, State]:
    try:
        found = {str(key): State(**values) for key, values in (cursor or {})["folders"].items()}
    except (KeyError, TypeError, AttributeError):
        return {}
    is_ours = all(
        isinstance(state.link, str) and isinstance(state.filter, str) and isinstance(state.rows, int)
        for state in found.values()
    )
    return found if is_ours else {}


def _checkpoint(states: Mapping[str, State]) -> Checkpoint:
    return Checkpoint({"folders": {folder: state.values() for folder, state in states.items()}})
