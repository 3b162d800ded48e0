"""What was learnt of a tenant's templates, a row for each line and place: messages read and write those they need.

So a message costs the same however many came before it. Rows are digests: they hold no word of a message.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.templates.groups import CAPACITY, VERSION, Groups, needs
from opsintel_pipeline.analyze.templates.masks import mask_values

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('templates ' || current_setting('app.tenant_id'), 0))"


def keys_of(connection: psycopg.Connection, tenant_id: UUID, views: Sequence[MessageView]) -> list[bytes]:
    """Return the key of each message's template, in order, in the caller's transaction of the tenant, and learn them.

    Messages of one key may share an analysis. Another transaction of the tenant waits until this one ends.
    """
    wanted = sorted({key for view in views for key in needs(view.text)})
    connection.execute(_LOCK)
    rows = connection.execute(
        "SELECT key, kind, content FROM template_memory WHERE key = ANY(%s) AND version = %s", (wanted, VERSION)
    ).fetchall()
    before: dict[str, dict[str, Any]] = {"known": {}, "frames": {}}
    for key, kind, content in rows:
        before[kind][key] = content
    groups = _groups(before)
    keys = [template_key(groups, view) for view in views]
    _keep(connection, tenant_id, before, json.loads(groups.dump()))
    return keys


def template_key(groups: Groups, view: MessageView) -> bytes:
    """Return the key of a message's template: of its text, its subject, and how it came; `groups` learn."""
    parts = [
        groups.key_of(view.text), mask_values(view.subject), view.direction, view.kind, view.priority, view.visibility,
        str(view.is_bot), str(view.automatic),
    ]  # fmt: skip
    content = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16, person=f"template {VERSION}".encode()).digest()


def _groups(state: dict[str, dict[str, Any]]) -> Groups:
    listed = {kind: list(entries.items()) for kind, entries in state.items()}
    return Groups.load(json.dumps({"version": VERSION, **listed}).encode())


def _keep(
    connection: psycopg.Connection, tenant_id: UUID, before: dict[str, dict[str, Any]], learnt: dict[str, Any]
) -> None:
    changed = [
        (tenant_id, key, kind, VERSION, Jsonb(content))
        for kind, known in before.items()
        for key, content in sorted(learnt[kind])
        if known.get(key) != content
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO template_memory (tenant_id, key, kind, version, content) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, key) DO UPDATE SET kind = excluded.kind, version = excluded.version,"
            " content = excluded.content, used_on = excluded.used_on",
            changed,
        )
    seen = [key for known in before.values() for key in known]
    connection.execute(
        "UPDATE template_memory SET used_on = CURRENT_DATE WHERE key = ANY(%s) AND used_on < CURRENT_DATE", (seen,)
    )
    if changed:
        connection.execute(
            "DELETE FROM template_memory WHERE key IN"
            " (SELECT key FROM template_memory ORDER BY used_on DESC, key OFFSET %s)",
            (2 * CAPACITY,),
        )
