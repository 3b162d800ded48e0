"""Rotation of the master key: every data key is wrapped anew, in pages, while everything goes on.

A page is one transaction, so a rotation that is killed goes on where it stopped: what is left is what names another
master key. Only this module takes the role `opsintel_keys`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg

from opsintel.access.audit import SYSTEM, Actor, Entry, Subject, record
from opsintel.crypto.keyring import DESTROYED
from opsintel.crypto.master import MasterKeys
from opsintel.db.engine import Database
from opsintel.errors import SealError

PAGE = 500
_FIRST = (UUID(int=0), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is: data keys wrapped anew, those that no key at hand opens, and those still to come."""

    rewrapped: int
    unopened: int
    left: int


@dataclass(frozen=True, slots=True)
class Census:
    """How many data keys are wrapped by the current master key, by others at hand, and by keys that are not."""

    current: int
    previous: int
    unknown: int
    destroyed: int


def census(database: Database, masters: MasterKeys) -> Census:
    """Return how many data keys are under which master key; no key is read."""
    with database.system_tx() as connection:
        rows = connection.execute("SELECT master_key_id, count(*) FROM data_key GROUP BY 1").fetchall()
    counts: Counter[str] = Counter()
    for key_id, count in rows:
        counts[_kind(key_id, masters)] += count
    return Census(**{kind: counts[kind] for kind in ("current", "previous", "unknown", "destroyed")})


def rotate_master(database: Database, masters: MasterKeys, actor: Actor = SYSTEM) -> Iterator[Progress]:
    """Wrap every data key by the current master key; yields after each page, and once when nothing is to do."""
    total = _left(database, masters)
    _record(database, actor, masters, "keys.master_rotation_started", Progress(0, 0, total))
    rewrapped = unopened = 0
    place = _FIRST
    while True:
        with database.keys_tx() as connection:
            rows = connection.execute(_PAGE, (str(masters.current_id), DESTROYED, *place, PAGE)).fetchall()
            wrapped_anew = [again for row in rows if (again := _again(masters, *row)) is not None]
            _write(connection, masters, wrapped_anew)
        rewrapped += len(wrapped_anew)
        unopened += len(rows) - len(wrapped_anew)
        yield Progress(rewrapped, unopened, max(total - rewrapped - unopened, 0))
        if len(rows) < PAGE:
            break
        place = rows[-1][:2]
    _record(database, actor, masters, "keys.master_rotation_ended", Progress(rewrapped, unopened, 0))


_PAGE = """
    SELECT tenant_id, id, wrapped FROM data_key
    WHERE master_key_id <> %s AND master_key_id <> %s AND (tenant_id, id) > (%s, %s)
    ORDER BY tenant_id, id LIMIT %s FOR UPDATE
"""

_WRITE = """
    UPDATE data_key SET wrapped = again.wrapped, master_key_id = %s
    FROM unnest(%s::uuid[], %s::uuid[], %s::bytea[]) AS again (tenant_id, id, wrapped)
    WHERE data_key.tenant_id = again.tenant_id AND data_key.id = again.id
"""

Wrapped = tuple[UUID, UUID, bytes]


def _again(masters: MasterKeys, tenant_id: UUID, key_id: UUID, wrapped: bytes) -> Wrapped | None:
    try:
        data_key = masters.unwrap(tenant_id, key_id, wrapped)
    except SealError:
        return None
    return tenant_id, key_id, masters.wrap(tenant_id, key_id, data_key)


def _write(connection: psycopg.Connection, masters: MasterKeys, rows: list[Wrapped]) -> None:
    if rows:
        tenants, ids, wrapped = zip(*rows, strict=True)
        connection.execute(_WRITE, (str(masters.current_id), list(tenants), list(ids), list(wrapped)))


def _left(database: Database, masters: MasterKeys) -> int:
    counted = census(database, masters)
    return counted.previous + counted.unknown


def _kind(key_id: str, masters: MasterKeys) -> str:
    if key_id == DESTROYED:
        return "destroyed"
    known = UUID(key_id)
    return "current" if known == masters.current_id else "previous" if known in masters else "unknown"


def _record(database: Database, actor: Actor, masters: MasterKeys, action: str, progress: Progress) -> None:
    details = {"rewrapped": progress.rewrapped, "unopened": progress.unopened, "left": progress.left}
    with database.system_tx() as connection:
        record(connection, Entry(None, actor, action, Subject("master_key", str(masters.current_id)), details))
