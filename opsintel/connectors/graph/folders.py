"""The folders of a mailbox: their paths, and which of them are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsintel.connectors.graph.client import GraphClient
from opsintel.connectors.graph.faults import refusal
from opsintel.connectors.graph.manifest import GraphConfig
from opsintel.errors import NotFoundError

_ASKED: Mapping[str, str | int] = {"$select": "id,displayName,childFolderCount", "$top": 100}
_NEVER = ("deleteditems", "recoverableitemsdeletions", "outbox", "syncissues")
_SENT = "sentitems"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is read: its id, its path as people see it, and whether it holds what the account sent."""

    id: str
    path: str
    is_sent: bool = False


@dataclass(frozen=True)
class Folders:
    """The folders that are read, by id in the order of the tree, and the ids of those that are not."""

    read: Mapping[str, Folder]
    left_out: frozenset[str]


def folders_of(client: GraphClient, config: GraphConfig) -> Folders:
    """Return the folders of the mailbox. What lies in Deleted Items is deleted; so are folders within it."""
    names = _NEVER + (() if config.read_junk else ("junkemail",)) + (() if config.read_drafts else ("drafts",))
    known = _well_known(client, (*names, _SENT))
    without = {known[name] for name in names if name in known}
    read: dict[str, Folder] = {}
    left_out: set[str] = set(without)
    for folder, parent, path in _tree(client, "/mailFolders", "", ""):
        if folder in without or parent in left_out:
            left_out.add(folder)
        else:
            is_sent = folder == known.get(_SENT) or (parent in read and read[parent].is_sent)
            read[folder] = Folder(folder, path, is_sent)
    return Folders(read, frozenset(left_out))


def _well_known(client: GraphClient, names: Sequence[str]) -> dict[str, str]:
    """Return the id of each folder that Outlook itself made; a mailbox need not have all."""
    found = {}
    for name, part in client.several({name: f"/mailFolders/{name}?$select=id" for name in names}).items():
        if part.status == 200 and isinstance(part.content, dict):
            found[name] = str(part.content.get("id", ""))
        elif not isinstance(error := refusal(part.status, part.content), NotFoundError):
            raise error
    return found


def _tree(client: GraphClient, path: str, parent: str, above: str) -> Iterator[tuple[str, str, str]]:
    """Yield (id, parent's id, path) of each folder, parents before their children."""
    rows: list[dict[str, Any]] = list(client.all(path, _ASKED))
    for row in rows:
        name = f"{above}/{row.get('displayName', '')}" if above else str(row.get("displayName", ""))
        yield str(row["id"]), parent, name
        if row.get("childFolderCount"):
            yield from _tree(client, f"/mailFolders/{row['id']}/childFolders", str(row["id"]), name)
