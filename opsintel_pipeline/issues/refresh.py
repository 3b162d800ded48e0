"""Bring touched issues up to date: spans, counts, sources, severity, category, centroid, title, state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

import numpy as np
import psycopg

from opsintel_pipeline.issues.store import record_event
from opsintel_pipeline.issues.titles import phrases_of, title_for
from opsintel_pipeline.issues.vectors import vectors_of

TITLE_MEMBERS = 200
BACKGROUND = 2_000

_FIGURES = """
    UPDATE issue SET
        first_seen = figures.first_seen, last_seen = figures.last_seen, messages = figures.messages,
        customers = figures.customers, sources = coalesce(seen.sources, '{}'),
        category = coalesce(figures.category, ''), centroid = figures.centroid,
        model_version = %(version)s, updated_at = now(),
        severity = CASE WHEN severity_pinned THEN issue.severity ELSE coalesce(figures.severity, 5) END,
        state = CASE
            WHEN issue.state = 'resolved' AND figures.last_seen > resolved_at THEN 'regressed'
            WHEN issue.state = 'new' AND figures.days > 1 AND figures.last_seen - figures.first_seen > interval '3 days'
                THEN 'ongoing'
            ELSE issue.state END
    FROM (
        SELECT wanted.id, min(message.sorted_at) AS first_seen, max(message.sorted_at) AS last_seen,
               count(message.id) AS messages,
               count(DISTINCT message.author_id) FILTER (WHERE NOT participant.is_own) AS customers,
               count(DISTINCT message.sorted_at::date) AS days,
               mode() WITHIN GROUP (ORDER BY analysis.category) FILTER (WHERE analysis.category <> '') AS category,
               percentile_disc(0.25) WITHIN GROUP (ORDER BY analysis.severity)
                   FILTER (WHERE analysis.is_actionable) AS severity,
               avg(embedding.vector) FILTER (WHERE issue_member.method <> 'thread') AS centroid
        FROM unnest(%(issues)s::uuid[]) AS wanted (id)
        LEFT JOIN issue_member ON issue_member.issue_id = wanted.id AND issue_member.removed_at IS NULL
        LEFT JOIN message ON message.id = issue_member.message_id
        LEFT JOIN participant ON participant.id = message.author_id
        LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current
        LEFT JOIN embedding ON embedding.message_id = message.id AND embedding.model_version = %(version)s
        GROUP BY wanted.id) AS figures
    LEFT JOIN (
        SELECT issue_member.issue_id, array_agg(DISTINCT source.kind ORDER BY source.kind) AS sources
        FROM issue_member
        JOIN message_occurrence AS place ON place.message_id = issue_member.message_id AND place.deleted_at IS NULL
        JOIN source ON source.id = place.source_id
        WHERE issue_member.issue_id = ANY(%(issues)s) AND issue_member.removed_at IS NULL
        GROUP BY issue_member.issue_id) AS seen ON seen.issue_id = figures.id
    WHERE issue.id = figures.id
    RETURNING issue.id, issue.state
"""

_NAMED_BY_A_MODEL = """
    title_method = 'model' AND NOT EXISTS (
        SELECT FROM unnest(named_from) AS seen (id) WHERE NOT EXISTS (
            SELECT FROM issue_member AS member JOIN message ON message.id = member.message_id
            WHERE member.issue_id = issue.id AND member.message_id = seen.id AND member.removed_at IS NULL
              AND message.deleted_at IS NULL))
"""
"""Whether a model's name stands: all the messages it was made from are still members."""

_TITLE = f"""
    UPDATE issue SET
        title = CASE WHEN title_pinned OR {_NAMED_BY_A_MODEL} THEN title ELSE %(title)s END,
        title_method = CASE WHEN title_pinned THEN 'person' WHEN {_NAMED_BY_A_MODEL} THEN 'model' ELSE %(method)s END,
        summary = %(summary)s, example_message_id = %(example)s
    WHERE id = %(issue)s
"""


def refresh_issues(connection: psycopg.Connection, tenant_id: UUID, issue_ids: Iterable[UUID], version: str) -> None:
    """Recompute what is derived of some issues, in the caller's transaction under the tenant's lock."""
    wanted = sorted(issue_ids)
    before: dict[UUID, str] = dict(
        connection.execute("SELECT id, state FROM issue WHERE id = ANY(%s)", (wanted,)).fetchall()
    )
    after = connection.execute(_FIGURES, {"issues": wanted, "version": version}).fetchall()
    for issue_id, state in sorted(after):
        if state == "regressed" and before[issue_id] != "regressed":
            record_event(connection, tenant_id, issue_id, "regressed", {})
    background, total = _background(connection)
    for issue_id in wanted:
        _retitle(connection, issue_id, version, background, total)


def _background(connection: psycopg.Connection) -> tuple[Counter[str], int]:
    rows = connection.execute(
        "SELECT analysis.title FROM message JOIN analysis ON analysis.message_id = message.id AND analysis.current"
        " WHERE analysis.is_actionable AND message.deleted_at IS NULL ORDER BY message.sorted_at DESC, message.id"
        " LIMIT %s",
        (BACKGROUND,),
    ).fetchall()
    counts: Counter[str] = Counter()
    for (title,) in rows:
        counts.update({phrase for phrase, _ in phrases_of(title)})
    return counts, len(rows)


def _retitle(
    connection: psycopg.Connection, issue_id: UUID, version: str, background: Counter[str], total: int
) -> None:
    rows = connection.execute(
        "SELECT message.id, analysis.title, analysis.summary FROM issue_member"
        " JOIN message ON message.id = issue_member.message_id"
        " JOIN analysis ON analysis.message_id = message.id AND analysis.current"
        " WHERE issue_member.issue_id = %s AND issue_member.removed_at IS NULL AND analysis.is_actionable"
        " ORDER BY message.sorted_at DESC, message.id LIMIT %s",
        (issue_id, TITLE_MEMBERS),
    ).fetchall()
    vectors = vectors_of(connection, version, [row[0] for row in rows])
    rows = [row for row in rows if row[0] in vectors]
    if not rows:
        return
    matrix = np.vstack([vectors[row[0]] for row in rows])
    title = title_for([row[1] for row in rows], matrix, background, total)
    connection.execute(
        _TITLE,
        {
            "issue": issue_id,
            "title": title.text,
            "method": title.method,
            "summary": rows[title.example][2],
            "example": rows[title.example][0],
        },
    )
