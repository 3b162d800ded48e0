"""Sources and the filters that they go by: who follows a change, and what their providers evaluate."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from opsintel.connectors import registry
from opsintel.filters.plan import explained
from opsintel.filters.saved import Author
from opsintel.filters.syntax import Node
from opsintel.sources.errands import Errand, write
from opsintel.sources.selection import require_selecting


def follow(connection: psycopg.Connection, tenant_id: UUID, filter_id: UUID, tree: Node, author: Author) -> list[UUID]:
    """Have the sources that go by a filter go by its newest version, and return the jobs that do it.

    In the transaction of the change. Raises `InputError` where there are such sources, and it is none for them.
    """
    rows = connection.execute("SELECT id FROM source WHERE filter_id = %s ORDER BY id", (filter_id,)).fetchall()
    if rows:
        require_selecting(tree)
    return [
        write(
            connection, tenant_id, Errand("filter", source_id, filter_id=filter_id), author.person, author.service_key
        )
        for (source_id,) in rows
    ]


def plans_of(connection: psycopg.Connection, tree: Node, now: datetime) -> list[dict[str, Any]]:
    """Return for each kind of the tenant's sources how exactly its provider evaluates a filter, and what it does not.

    What only the account knows (ids of labels) is not known here.
    """
    rows = connection.execute(
        "SELECT kind, count(*) FROM source WHERE state <> 'disabled' AND kind = ANY(%s) GROUP BY kind ORDER BY kind",
        (list(registry.kinds()),),
    ).fetchall()
    told = []
    for kind, sources in rows:
        plan = explained(registry.plan_of_kind(kind, tree, now))
        told.append(
            {"kind": kind, "sources": sources, "exactness": plan["exactness"], "not_pushed": plan["not_pushed"]}
        )
    return told
