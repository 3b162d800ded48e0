"""The gold set: messages whose right analysis people have said, by corrections and confirmed reviews.

A version is drawn evenly from the kinds, categories and severities there are, and frozen: what people say later makes
another version, so that figures of two weeks can be compared. Only what is deleted or erased leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.learning.correcting import Value
from opsintel.learning.corrections import SHOWN
from opsintel.learning.metrics import Judged

SIZE = 500
"""Examples of a version, at most."""

_DRAWN: LiteralString = """
    WITH said AS (
        SELECT message_id, jsonb_object_agg(field, new_value) AS labels FROM (
            SELECT DISTINCT ON (message_id, field) message_id, field, new_value FROM correction
            WHERE undone_at IS NULL ORDER BY message_id, field, created_at DESC, id DESC) AS latest
        GROUP BY message_id
    ), confirmed AS (
        SELECT DISTINCT ON (item.message_id) item.message_id, item.labels
        FROM review_item AS item JOIN analysis AS seen ON seen.id = item.analysis_id
            JOIN analysis AS now ON now.message_id = item.message_id AND now.current
                AND now.input_hash = seen.input_hash
        WHERE item.state = 'confirmed' ORDER BY item.message_id, item.resolved_at DESC, item.id
    ), labelled AS (
        SELECT message_id, coalesce(confirmed.labels, '{}') || coalesce(said.labels, '{}') AS labels
        FROM said FULL JOIN confirmed USING (message_id)
    ), placed AS (
        SELECT labelled.*, analysis.input_hash, concat_ws(' | ', analysis.kind, category, severity) AS stratum,
               md5(message.id::text) AS chance,
               row_number() OVER (
                   PARTITION BY analysis.kind, category, severity ORDER BY md5(message.id::text)) AS place
        FROM labelled JOIN message ON message.id = labelled.message_id AND message.deleted_at IS NULL
            JOIN analysis ON analysis.message_id = message.id AND analysis.current
    )
    SELECT message_id, labels, stratum, input_hash, (SELECT count(*) FROM placed) FROM placed
    ORDER BY place, chance LIMIT %s
"""

_FOUND: LiteralString = f"""
    SELECT analysis.profile_version, analysis.model, gold.message_id, CASE
            WHEN analysis.built_in AND EXISTS (
                SELECT FROM correction WHERE correction.message_id = gold.message_id AND field = 'category'
                  AND undone_at IS NULL AND correction.created_at < analysis.created_at)
            THEN gold.labels - 'category' ELSE gold.labels END, shown.shown || coalesce(
        (SELECT jsonb_object_agg(key, value -> 'found') FROM jsonb_each(shown.corrected)), '{{}}')
    FROM gold_example AS gold JOIN analysis ON analysis.message_id = gold.message_id AND analysis.current
        JOIN ({SHOWN.replace("$1::uuid[]", "ARRAY(SELECT message_id FROM gold_example WHERE version = %(version)s)")})
            AS shown ON shown.id = analysis.id
    WHERE gold.version = %(version)s AND gold.input_hash = analysis.input_hash AND analysis.status = 'done'
    ORDER BY gold.message_id
"""


@dataclass(frozen=True, slots=True)
class Example:
    """A message of a version, with what is right of it."""

    message_id: UUID
    labels: Mapping[str, Value]


def freeze(connection: psycopg.Connection, tenant_id: UUID, size: int = SIZE) -> int | None:
    """Return the version of the gold set that holds what people have said by now, in the caller's transaction.

    It is the latest one where nothing was said since, and None where nothing was said at all.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('gold set ' || %s, 0))", (str(tenant_id),))
    drawn = connection.execute(_DRAWN, (size,)).fetchall()
    row = connection.execute("SELECT max(version) FROM gold_set").fetchone()
    latest: int | None = row[0] if row else None
    if latest is not None:
        held = connection.execute(
            "SELECT message_id, labels FROM gold_example WHERE version = %s", (latest,)
        ).fetchall()
        if dict(held) == {message_id: labels for message_id, labels, *_ in drawn}:
            return latest
    if not drawn:
        return None
    version = (latest or 0) + 1
    connection.execute(
        "INSERT INTO gold_set (tenant_id, version, candidates, examples) VALUES (%s, %s, %s, %s)",
        (tenant_id, version, drawn[0][4], len(drawn)),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO gold_example (tenant_id, version, message_id, labels, stratum, input_hash)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (tenant_id, version, message_id, Jsonb(labels), stratum, content)
                for message_id, labels, stratum, content, _ in drawn
            ],
        )
    return version


def judged(connection: psycopg.Connection, version: int) -> dict[tuple[str, str], dict[UUID, Judged]]:
    """Return what the present analyses of a version's messages found, beside what is right, by (profile, model).

    What was found is without corrections and rules. A category that the built-in analyser found after a person had said
    it is not measured: it had read that. Messages with another text since, and those that no analysis is
    done of, are not among them.
    """
    found: dict[tuple[str, str], dict[UUID, Judged]] = {}
    for profile, model, message_id, labels, values in connection.execute(_FOUND, {"version": version}):
        found.setdefault((profile, model), {})[message_id] = Judged(labels, values)
    return found
