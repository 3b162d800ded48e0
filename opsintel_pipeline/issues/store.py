"""Issues in the database: the state before a step, and what a step decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from opsintel.ids import new_id
from opsintel_pipeline.issues.assign import POOL_SIZE
from opsintel_pipeline.issues.state import Constraint, DayResult, KnownIssue, Membership, TenantState
from opsintel_pipeline.issues.vectors import vectors_of
from opsintel_pipeline.vectors.kept import as_array

FOLLOWERS = 500
"""Messages of earlier days, at most, that may still join an issue which came up after them."""


def lock_tenant(connection: psycopg.Connection, tenant_id: UUID) -> None:
    """Wait until no other step of this tenant runs; held to the end of the transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('issues ' || %s, 0))", (str(tenant_id),))


def load_state(connection: psycopg.Connection, version: str) -> TenantState:
    """Return the issues with their latest members, waiting messages and constraints, in a stable order."""
    issues = {
        issue_id: KnownIssue(issue_id, as_array(centroid) * size if centroid is not None else
                             np.zeros(1, np.float32), size, {})
        for issue_id, centroid, size in connection.execute(
            "SELECT id, centroid, messages FROM issue WHERE merged_into IS NULL AND messages > 0 ORDER BY number"
        ).fetchall()
    }  # fmt: skip
    rows = connection.execute(
        """
        SELECT issue_id, message_id FROM (
            SELECT issue_member.issue_id, issue_member.message_id, message.sorted_at,
                   row_number() OVER (PARTITION BY issue_member.issue_id ORDER BY message.sorted_at DESC) AS place
            FROM issue_member JOIN message ON message.id = issue_member.message_id
            WHERE issue_member.removed_at IS NULL AND issue_member.method <> 'thread') AS members
        WHERE place <= greatest(8, %s / greatest(1, %s)) ORDER BY sorted_at, message_id
        """,
        (POOL_SIZE, len(issues)),
    ).fetchall()
    vectors = vectors_of(connection, version, [message_id for _, message_id in rows])
    for issue_id, message_id in rows:
        if issue_id in issues and message_id in vectors:
            issues[issue_id].members[message_id] = vectors[message_id]
    waiting = [row[0] for row in connection.execute(_WAITING, (POOL_SIZE // 4,)).fetchall()][::-1]
    constraints = [
        Constraint(row[0], row[1] == "must", row[2], row[3])
        for row in connection.execute(
            "SELECT id, kind, message_a_id, message_b_id FROM issue_constraint ORDER BY id"
        ).fetchall()
    ]
    return TenantState(list(issues.values()), vectors_of(connection, version, waiting), constraints)


_WAITING = """
    SELECT message.id FROM message JOIN analysis ON analysis.message_id = message.id AND analysis.current
    WHERE analysis.is_actionable AND message.deleted_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM issue_member WHERE issue_member.message_id = message.id AND removed_at IS NULL)
      AND message.issue_checked_at IS NOT NULL
    ORDER BY message.sorted_at DESC, message.id LIMIT %s
"""


_LEADS = """
    SELECT id FROM (
        SELECT message.id, message.partition_day, message.sorted_at, message.content_hash, message.issue_checked_at,
               row_number() OVER (
                   PARTITION BY coalesce(message.thread_id, message.id) ORDER BY message.sorted_at, message.id) AS place
        FROM message JOIN analysis ON analysis.message_id = message.id AND analysis.current
        WHERE {days} AND message.deleted_at IS NULL AND {wanted}
          AND NOT EXISTS (SELECT 1 FROM issue_member
                          WHERE issue_member.message_id = message.id AND removed_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM issue_member JOIN message AS other ON other.id = issue_member.message_id
                          WHERE issue_member.removed_at IS NULL AND other.thread_id = message.thread_id)
    ) AS candidates WHERE place = 1 AND {state} ORDER BY sorted_at, content_hash, id LIMIT {limit}
"""
_ACTIONABLE = "analysis.is_actionable"
_TALK = "analysis.not_actionable_reason = 'internal' AND message.direction = 'internal'"


def day_leads(connection: psycopg.Connection, day: date) -> list[UUID]:
    """Return the day's messages that must find an issue: actionable, not looked at yet, and first of their thread.

    The rest of a thread follows its first message. What was looked at and found no issue waits for a later day's
    company, so a re-run of a day decides nothing again.
    """
    return _leads(connection, "message.partition_day = %s", _ACTIONABLE, "issue_checked_at IS NULL", "ALL", day)


def later_leads(connection: psycopg.Connection, day: date) -> list[UUID]:
    """Return what other days hold for a step of their own, oldest first: company for the messages of this day."""
    return _leads(
        connection, "message.partition_day <> %s", _ACTIONABLE, "issue_checked_at IS NULL", str(POOL_SIZE // 4), day
    )


def day_followers(connection: psycopg.Connection, day: date) -> list[UUID]:
    """Return what the tenant's own people said among themselves, that day or lately, and that no issue has taken yet.

    Talk of colleagues forms no issue, but belongs to one that it is about.
    """
    of_day = _leads(connection, "message.partition_day = %s", _TALK, "issue_checked_at IS NULL", "ALL", day)
    lately = _leads(
        connection, "message.partition_day BETWEEN %s::date - 30 AND %s::date + 30", _TALK,
        "issue_checked_at IS NOT NULL", str(FOLLOWERS), day, day,
    )  # fmt: skip
    return lately + of_day


def _leads(
    connection: psycopg.Connection, days: str, wanted: str, state: str, limit: str, *parameters: date
) -> list[UUID]:
    query = _LEADS.format(days=days, wanted=wanted, state=state, limit=limit)
    return [row[0] for row in connection.execute(query.encode(), parameters).fetchall()]


def mark_checked(connection: psycopg.Connection, message_ids: Sequence[UUID]) -> None:
    """Remember which messages have been through a day step, so that those left over wait for company."""
    connection.execute("UPDATE message SET issue_checked_at = now() WHERE id = ANY(%s)", (list(message_ids),))


def store_result(connection: psycopg.Connection, tenant_id: UUID, result: DayResult, version: str) -> set[UUID]:
    """Write what a step decided and return the issues it touched."""
    touched = set(result.new_issues) | set(result.merged) | set(result.merged.values())
    _insert_issues(connection, tenant_id, result.new_issues)
    for source, target in sorted(result.merged.items()):
        _merge(connection, tenant_id, source, target)
    _insert_members(connection, tenant_id, result.memberships, version)
    for membership in result.memberships:
        touched.add(membership.issue_id)
        if membership.moved_from is not None:
            touched.add(membership.moved_from)
    for message_id in result.unassigned:
        row = connection.execute(
            "UPDATE issue_member SET removed_at = now() WHERE message_id = %s AND removed_at IS NULL"
            " RETURNING issue_id",
            (message_id,),
        ).fetchone()
        touched |= {row[0]} if row else set()
    return touched


def follow_threads(
    connection: psycopg.Connection, tenant_id: UUID, day: date, decided: Sequence[Membership], version: str
) -> list[Membership]:
    """Let the rest of each thread join the issue of its first member; return the memberships made.

    The threads are those of the day and those of the messages just decided on, which may be of earlier days: so nothing
    is left for a later run of those days to decide. Answers of the tenant's own people and thanks belong to the problem
    they are about; automatic mail and spam never.
    """
    rows = connection.execute(
        """
        WITH anchor AS (
            SELECT DISTINCT ON (message.thread_id) message.thread_id, issue_member.issue_id
            FROM issue_member JOIN message ON message.id = issue_member.message_id
            WHERE issue_member.removed_at IS NULL AND message.thread_id IN (
                SELECT thread_id FROM message
                WHERE thread_id IS NOT NULL AND (partition_day = %(day)s OR id = ANY(%(decided)s)))
            ORDER BY message.thread_id, message.sorted_at, message.id)
        SELECT message.id, anchor.issue_id, coalesce(embedding.vector <=> issue.centroid, 1)
        FROM anchor JOIN message ON message.thread_id = anchor.thread_id
        JOIN issue ON issue.id = anchor.issue_id
        JOIN analysis ON analysis.message_id = message.id AND analysis.current
        LEFT JOIN embedding ON embedding.message_id = message.id AND embedding.model_version = %(version)s
        WHERE message.deleted_at IS NULL AND message.automatic IS NULL
          AND coalesce(analysis.not_actionable_reason, '') NOT IN ('spam', 'newsletter', 'auto_reply')
          AND NOT EXISTS (SELECT 1 FROM issue_member
                          WHERE issue_member.message_id = message.id AND issue_member.removed_at IS NULL)
        ORDER BY message.sorted_at, message.id
        """,
        {"day": day, "decided": [membership.message_id for membership in decided], "version": version},
    ).fetchall()
    members = [
        Membership(message_id, issue_id, "thread", distance, None, None) for message_id, issue_id, distance in rows
    ]
    _insert_members(connection, tenant_id, members, version)
    return members


def release_left_out(connection: psycopg.Connection, day: date) -> set[UUID]:
    """Take the messages of a day that no filter selects any more out of their issues; return those."""
    rows = connection.execute(
        "UPDATE issue_member SET removed_at = now() FROM message WHERE message.id = issue_member.message_id"
        " AND message.partition_day = %s AND NOT message.selected AND issue_member.removed_at IS NULL"
        " RETURNING issue_member.issue_id",
        (day,),
    ).fetchall()
    return {row[0] for row in rows}


def outdated_issues(connection: psycopg.Connection, day: date) -> set[UUID]:
    """Return the issues with members of a day that were analysed anew since the issue was brought up to date."""
    rows = connection.execute(
        "SELECT DISTINCT issue.id FROM message JOIN issue_member ON issue_member.message_id = message.id"
        " AND issue_member.removed_at IS NULL JOIN issue ON issue.id = issue_member.issue_id"
        " JOIN analysis ON analysis.message_id = message.id AND analysis.current"
        " WHERE message.partition_day = %s AND greatest(analysis.created_at, analysis.corrected_at) > issue.updated_at",
        (day,),
    ).fetchall()
    return {row[0] for row in rows}


def issues_of(connection: psycopg.Connection, day: date) -> set[UUID]:
    """Return the issues with members of a day."""
    rows = connection.execute(
        "SELECT DISTINCT issue_id FROM message JOIN issue_member ON issue_member.message_id = message.id"
        " AND issue_member.removed_at IS NULL WHERE message.partition_day = %s",
        (day,),
    ).fetchall()
    return {row[0] for row in rows}


def _insert_issues(connection: psycopg.Connection, tenant_id: UUID, issue_ids: Sequence[UUID]) -> None:
    row = connection.execute("SELECT coalesce(max(number), 0) FROM issue").fetchone()
    assert row is not None
    for number, issue_id in enumerate(issue_ids, start=row[0] + 1):
        connection.execute(
            "INSERT INTO issue (tenant_id, id, number, title, title_method, severity) VALUES (%s, %s, %s, '', '', 5)",
            (tenant_id, issue_id, number),
        )
        record_event(connection, tenant_id, issue_id, "created", {})


def _merge(connection: psycopg.Connection, tenant_id: UUID, source: UUID, target: UUID) -> None:
    _move_members(connection, source, target)
    connection.execute(
        "UPDATE issue SET merged_into = %s, messages = 0, customers = 0, updated_at = now() WHERE id = %s",
        (target, source),
    )
    record_event(connection, tenant_id, source, "merged", {"into": str(target)})
    record_event(connection, tenant_id, target, "absorbed", {"issue": str(source)})


def _move_members(connection: psycopg.Connection, source: UUID, target: UUID) -> None:
    moved = connection.execute(
        "UPDATE issue_member SET removed_at = now() WHERE issue_id = %s AND removed_at IS NULL"
        " RETURNING tenant_id, message_id, distance, decided_by, model_version",
        (source,),
    ).fetchall()
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO issue_member (tenant_id, id, issue_id, message_id, method, distance, runner_up_issue_id,"
            " runner_up_distance, decided_by, model_version)"
            " VALUES (%s, %s, %s, %s, 'consolidation', %s, %s, %s, %s, %s)",
            [
                (tenant_id, new_id(), target, message_id, distance, source, distance, decided_by, version)
                for tenant_id, message_id, distance, decided_by, version in moved
            ],
        )


def _insert_members(
    connection: psycopg.Connection, tenant_id: UUID, members: Sequence[Membership], version: str
) -> None:
    connection.execute(
        "UPDATE issue_member SET removed_at = now() WHERE removed_at IS NULL AND message_id = ANY(%s)",
        ([member.message_id for member in members],),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO issue_member (tenant_id, id, issue_id, message_id, method, distance, runner_up_issue_id,"
            " runner_up_distance, decided_by, model_version) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (tenant_id, new_id(), m.issue_id, m.message_id, m.method, m.distance, m.runner_up,
                 m.runner_up_distance, str(m.decided_by) if m.decided_by else None, version)
                for m in members
            ],
        )  # fmt: skip


def record_event(
    connection: psycopg.Connection, tenant_id: UUID, issue_id: UUID, kind: str, detail: dict[str, object]
) -> None:
    """Write a line of an issue's history."""
    connection.execute(
        "INSERT INTO issue_event (tenant_id, id, issue_id, kind, detail) VALUES (%s, %s, %s, %s, %s)",
        (tenant_id, new_id(), issue_id, kind, Jsonb(detail)),
    )
