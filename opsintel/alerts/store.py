"""Alerts as they stand in the database: opened, resolved and acknowledged, always in the caller's transaction.

Of one kind and subject one is open at most. Whoever opens or resolves one holds the row of its subject, which decides
between processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.alerts.kinds import KINDS, AlertKind
from opsintel.db.listener import CHANGES
from opsintel.errors import ConflictError, NotFoundError
from opsintel.ids import new_id

QUIET = timedelta(hours=6)
"""What comes and goes is one alert for so long, and told once in it; unless somebody mended it in between."""


SUBJECT_JOINS: LiteralString = """
    LEFT JOIN model_key ON subject_kind = 'model_key' AND model_key.id = alert.subject_id
    LEFT JOIN budget ON subject_kind = 'budget' AND budget.id = alert.subject_id
    LEFT JOIN source ON source.id = alert.source_id
"""
SUBJECT_NAME: LiteralString = """
    CASE WHEN subject_kind = 'budget' AND budget.scope = 'platform' THEN 'of the installation''s key'
         WHEN subject_kind = 'budget' THEN coalesce(source.name, 'of the ' || budget.scope)
         ELSE coalesce(model_key.name, source.name) END
"""
"""What people call the subject of an alert; null where it is gone."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What begins: of which kind, about what, in one line that names nobody and says what to do."""

    kind: AlertKind
    subject_id: UUID
    line: str
    source_id: UUID | None = None
    ends_at: datetime | None = None
    """When it ends by itself, if it does."""
    patience: timedelta = timedelta()
    """How long it may last before anybody gets a letter."""
    waits_for_person: bool = False
    """Whether it cannot pass by itself: who was told that it may is told again."""


def open_alert(connection: psycopg.Connection, tenant_id: UUID, found: Condition) -> None:
    """Open an alert; one that is open says what is found now, one that ended by itself a while ago opens again."""
    values = {
        "tenant": tenant_id, "id": new_id(), "kind": found.kind, "subject": found.subject_id, "line": found.line,
        "subject_kind": KINDS[found.kind].subject, "source": found.source_id, "ends": found.ends_at,
        "patience": found.patience, "quiet": QUIET, "worse": found.waits_for_person,
    }  # fmt: skip
    connection.execute(
        "UPDATE alert SET resolved_at = ends_at, quiet_until = NULL WHERE kind = %(kind)s AND subject_id = %(subject)s"
        " AND resolved_at IS NULL AND ends_at <= now()",
        values,
    )
    # Who was told is told again once the quiet is over, should it last until then.
    again = connection.execute(
        "UPDATE alert SET resolved_at = NULL, line = %(line)s, ends_at = %(ends)s, told_at = NULL, told_ids = '{}',"
        " attempts = 0, acknowledged_at = NULL, actor_kind = NULL, actor_id = NULL,"
        " tell_at = CASE WHEN told_at IS NULL THEN greatest(tell_at, now() + %(patience)s)"
        " ELSE quiet_until END WHERE resolved_at IS NOT NULL AND quiet_until > now()"
        " AND id = (SELECT id FROM alert AS last WHERE last.kind = %(kind)s AND last.subject_id = %(subject)s"
        " ORDER BY opened_at DESC, id DESC LIMIT 1)",
        values,
    ).rowcount
    opened = (
        again
        or connection.execute(
            "INSERT INTO alert (tenant_id, id, kind, subject_kind, subject_id, source_id, line, ends_at, quiet_until,"
            " tell_at) VALUES (%(tenant)s, %(id)s, %(kind)s, %(subject_kind)s, %(subject)s, %(source)s, %(line)s,"
            " %(ends)s, now() + %(quiet)s, now() + %(patience)s)"
            " ON CONFLICT (tenant_id, kind, subject_id) WHERE resolved_at IS NULL DO UPDATE SET line = excluded.line,"
            " tell_at = CASE WHEN %(worse)s THEN now() ELSE least(alert.tell_at, excluded.tell_at) END,"
            " told_at = CASE WHEN NOT %(worse)s THEN alert.told_at END,"
            " told_ids = CASE WHEN %(worse)s THEN '{}' ELSE alert.told_ids END,"
            " attempts = CASE WHEN %(worse)s THEN 0 ELSE alert.attempts END,"
            " acknowledged_at = CASE WHEN NOT %(worse)s THEN alert.acknowledged_at END,"
            " actor_kind = CASE WHEN NOT %(worse)s THEN alert.actor_kind END,"
            " actor_id = CASE WHEN NOT %(worse)s THEN alert.actor_id END WHERE alert.line <> excluded.line",
            values,
        ).rowcount
    )
    if opened:
        _changed(connection)


def resolve_alerts(connection: psycopg.Connection, subject_id: UUID, *, by_person: bool = False) -> None:
    """Resolve what is open about a subject. After a person's act what comes back is another alert, and told."""
    resolved = connection.execute(
        "UPDATE alert SET resolved_at = coalesce(resolved_at, now()),"
        " quiet_until = CASE WHEN NOT %(by_person)s THEN quiet_until END"
        " WHERE subject_id = %(subject)s AND (resolved_at IS NULL OR %(by_person)s AND quiet_until > now())",
        {"subject": subject_id, "by_person": by_person},
    ).rowcount
    if resolved:
        _changed(connection)


def end_overdue(connection: psycopg.Connection) -> None:
    """Resolve the alerts of the transaction's tenant whose time is over."""
    ended = connection.execute(
        "UPDATE alert SET resolved_at = ends_at, quiet_until = NULL WHERE resolved_at IS NULL AND ends_at <= now()"
    )
    if ended.rowcount:
        _changed(connection)


def alerts_of(connection: psycopg.Connection, limit: int, *, every: bool = False) -> list[dict[str, Any]]:
    """Return the alerts of the transaction's tenant, open ones first, the latest first; open ones alone, or every."""
    cursor = connection.execute(
        f"SELECT alert.id, alert.kind, subject_kind, alert.subject_id, {SUBJECT_NAME} AS name, line, opened_at,"
        " coalesce(resolved_at, CASE WHEN ends_at <= now() THEN ends_at END) AS resolved_at, acknowledged_at"
        f" FROM alert {SUBJECT_JOINS} WHERE %(every)s OR resolved_at IS NULL AND coalesce(ends_at > now(), true)"
        " ORDER BY resolved_at IS NOT NULL, opened_at DESC, alert.id DESC LIMIT %(limit)s",
        {"every": every, "limit": limit},
    )
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def acknowledge(
    connection: psycopg.Connection, tenant_id: UUID, alert_id: UUID, kinds: list[AlertKind], actor: Actor
) -> None:
    """Note that somebody took note of an open alert of these kinds; of who came first, where several did.

    Who was not told yet is not told any more. Raises `NotFoundError` for none, `ConflictError` for one that is over.
    """
    row = connection.execute(
        "SELECT acknowledged_at IS NULL, coalesce(resolved_at, ends_at) <= now() FROM alert"
        " WHERE id = %s AND kind = ANY(%s) FOR UPDATE",
        (alert_id, kinds),
    ).fetchone()
    if row is None:
        raise NotFoundError("There is no such alert")
    is_first, is_over = row
    if is_over:
        raise ConflictError("The alert is over")
    if not is_first:
        return
    connection.execute(
        "UPDATE alert SET acknowledged_at = now(), actor_kind = %s, actor_id = %s WHERE id = %s",
        (actor.kind, actor.id, alert_id),
    )
    _changed(connection)
    record(connection, Entry(tenant_id, actor, "alert.acknowledged", Subject("alert", str(alert_id))))


def _changed(connection: psycopg.Connection) -> None:
    connection.execute("SELECT pg_notify(%s, '')", (CHANGES,))
