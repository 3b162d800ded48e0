"""Collect objects that no row refers to, after a grace period.

A page whose transaction failed leaves an object behind, and so does a row that is deleted. What is found without a
reference is noted; what was noted for longer than the grace period, and still has none, is removed. Until then a
database that is restored to an earlier time finds everything that it refers to.

A put that finds its content already stored relies on that object, so it must not be removed in that moment. Nothing has
to be locked against it: the day of the put is part of the key (opsintel/objects/store.py), the grace period is at least
two days, and so what is removed is older than anything that a put can find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from opsintel.clock import now
from opsintel.db.engine import Database
from opsintel.errors import InputError
from opsintel.objects.store import ObjectStore, Stored, kind_of

REFERENCES = (("raw_payload", "object_key"), ("erasure", "ledger_key"), ("person_export", "object_key"))
"""Every column that holds the key of an object; an object named by none of them is collected."""

KEPT_KINDS = ("erasures", "rewrites")
"""Kinds of objects that no row has to name: a database that is restored to an earlier time does not know them yet."""

LEAST_GRACE = timedelta(days=2)

_REFERRED = " UNION ".join(
    f"SELECT {column} FROM {table} WHERE {column} = ANY(%(keys)s)" for table, column in REFERENCES
)
_FORGET = f"DELETE FROM orphan_object WHERE object_key = ANY(%(keys)s) AND object_key IN ({_REFERRED})"
_NOTE = f"""
    INSERT INTO orphan_object (tenant_id, object_key)
    SELECT %(tenant_id)s, listed.key FROM unnest(%(keys)s::text[]) AS listed (key)
    WHERE listed.key NOT IN ({_REFERRED}) ON CONFLICT DO NOTHING
"""
_JUDGE = f"""
    SELECT listed.key, coalesce(orphan_object.found_at <= now() - %(grace)s, false)
    FROM unnest(%(keys)s::text[]) AS listed (key) LEFT JOIN orphan_object ON object_key = listed.key
    WHERE listed.key NOT IN ({_REFERRED})
"""


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection found: objects in all, those without a reference that still wait, and those removed."""

    objects: int = 0
    waiting: int = 0
    removed: int = 0
    removed_bytes: int = 0

    def __add__(self, other: Collection) -> Collection:
        mine, theirs = asdict(self), asdict(other)
        return Collection(**{name: mine[name] + theirs[name] for name in mine})


def collect(
    database: Database,
    objects: ObjectStore,
    tenant_id: UUID,
    grace: timedelta,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _count: None,
) -> Collection:
    """Collect a tenant's objects, a thousand at a time, and return what was, or would be, removed.

    Only those of a tenant that the database knows: the bucket may serve another installation too.
    `progress` is told the number of objects looked at. Killed anywhere it goes on when it is run again. Raises
    `InputError` for a grace period under two days.
    """
    if grace < LEAST_GRACE:
        raise InputError("The grace period of objects is two days at least")
    total = Collection()
    for listed in objects.pages(tenant_id):
        page = [stored for stored in listed if kind_of(stored.key) not in KEPT_KINDS]
        removable, waiting = _judge(database, tenant_id, page, grace, note=not dry_run)
        if removable and not dry_run:
            objects.delete([stored.key for stored in removable])
            _forget(database, tenant_id, removable)
        total += Collection(len(listed), waiting, len(removable), sum(stored.size for stored in removable))
        progress(len(listed))
    if not dry_run:
        objects.remove_unfinished(tenant_id, now() - grace)
        _forget_what_is_gone(database, tenant_id, grace)
    return total


def collect_of_erased(database: Database, objects: ObjectStore) -> int:
    """Remove what was still being stored for tenants while they were erased, and return how many objects."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT DISTINCT tenant_id FROM erasure WHERE kind = 'tenant' AND state = 'done'"
            " AND NOT EXISTS (SELECT FROM tenant WHERE id = tenant_id)"
        ).fetchall()
    removed = 0
    for (tenant_id,) in rows:
        for page in objects.pages(tenant_id):
            left = [stored.key for stored in page if kind_of(stored.key) not in KEPT_KINDS]
            objects.delete(left)
            removed += len(left)
    return removed


def _judge(
    database: Database, tenant_id: UUID, page: list[Stored], grace: timedelta, *, note: bool
) -> tuple[list[Stored], int]:
    """Return which of a page can be removed, and how many more have no reference; note those where asked to."""
    values = {"tenant_id": tenant_id, "keys": [stored.key for stored in page], "grace": grace}
    with database.tenant_tx(tenant_id) as connection:
        if note:
            connection.execute(_FORGET, values)
            connection.execute(_NOTE, values)
        judged = dict(connection.execute(_JUDGE, values).fetchall())
    removable = [stored for stored in page if judged.get(stored.key)]
    return removable, len(judged) - len(removable)


def _forget_what_is_gone(database: Database, tenant_id: UUID, grace: timedelta) -> None:
    """Remove the notes of objects that were removed by a collection that was killed, or by somebody else."""
    with database.tenant_tx(tenant_id) as connection:
        connection.execute("DELETE FROM orphan_object WHERE found_at <= now() - %s::interval", (grace,))


def _forget(database: Database, tenant_id: UUID, removed: list[Stored]) -> None:
    with database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "DELETE FROM orphan_object WHERE object_key = ANY(%s)", ([stored.key for stored in removed],)
        )
