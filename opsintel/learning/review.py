"""The review queue: which analyses a person is to look at, why, and what becomes of them.

A queue that nobody can work through is none: of a day, it holds all that no model could analyse, the `A_DAY` least
sure and the `A_DAY` most disagreed on, and a hundredth of the rest by the hash of the message's id, which shows where
a confident analysis is wrong and is the same in every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, LiteralString
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.errors import ConflictError, InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.learning.correcting import Value, correct, shown_of
from opsintel.learning.corrections import hold_messages
from opsintel.learning.rules import propose

LOW = 0.35
"""Confidence below which a field is looked at. The rules' own is below it where they found no word of any kind in a
short text."""

APART = 2
"""Levels of severity by which two analyses disagree; one level is a matter of taste."""

A_DAY = 20
"""Of each of the unsure and the disagreed on, for a day's messages."""

SAMPLE = 0.01
"""Share of the other analyses that is shown at random."""

Verdict = Literal["confirmed", "corrected", "skipped"]


def chance_of(message: LiteralString) -> LiteralString:
    """Return the SQL of a number from 0 to 1 by a message's id: the same in every run, and even over all ids."""
    return f"(('x' || left(md5({message}::text), 8))::bit(32)::bigint / 4294967296.0)"


_WANTED: LiteralString = f"""
    WITH looked AS (
        SELECT analysis.id, analysis.message_id, analysis.status, coalesce(analysis.reason, '') AS detail,
               unsure.fields, unsure.least, analysis.output, model, built_in, input_hash,
               provenance -> 'rules' AS by_rules,
               {chance_of("analysis.message_id")} AS chance,
               message.automatic IS NULL AND NOT message.is_bot AS is_written
        FROM analysis JOIN message ON message.id = analysis.message_id CROSS JOIN LATERAL (
            SELECT min(given) AS least, coalesce(array_agg(field ORDER BY field) FILTER (WHERE given < %(low)s), '{{}}')
                AS fields
            FROM (SELECT CASE key WHEN 'is_actionable' THEN 'not_actionable_reason' ELSE key END AS field,
                         coalesce(value ->> 'calibrated', value ->> 'left', value ->> 'given')::float8 AS given
                  FROM jsonb_each(analysis.confidence)
                  WHERE key = 'is_actionable'
                     OR (key IN ('kind', 'category', 'severity') AND (analysis.output -> 'is_actionable')::boolean)
            ) AS rated) AS unsure
        WHERE analysis.current AND analysis.partition_day = %(day)s AND analysis.status IN ('done', 'failed')
          AND message.deleted_at IS NULL AND message.selected
          AND NOT EXISTS (SELECT FROM correction
                          WHERE correction.message_id = message.id AND correction.undone_at IS NULL)
          AND NOT EXISTS (SELECT FROM review_item AS past JOIN analysis AS seen ON seen.id = past.analysis_id
                          WHERE past.message_id = message.id AND past.state <> 'open'
                            AND seen.input_hash = analysis.input_hash)
    ), compared AS (
        SELECT looked.*, ARRAY(
            SELECT DISTINCT field FROM (
                SELECT by_rules AS other
                UNION ALL
                SELECT earlier.output FROM analysis AS earlier
                WHERE earlier.message_id = looked.message_id AND NOT earlier.current AND earlier.status = 'done'
                  AND NOT earlier.built_in AND earlier.model <> looked.model AND earlier.input_hash = looked.input_hash
            ) AS others CROSS JOIN LATERAL (VALUES
                ('not_actionable_reason', (other -> 'is_actionable')::boolean <> (output -> 'is_actionable')::boolean),
                ('severity', abs((other -> 'severity')::int - (output -> 'severity')::int) >= %(apart)s)
            ) AS differs (field, it_does)
            WHERE NOT built_in AND it_does ORDER BY field) AS disagreed
        FROM looked
    ), found AS (
        SELECT id, message_id, detail, least, chance, CASE WHEN status = 'failed' THEN 'failed'
                   WHEN disagreed <> '{{}}' THEN 'disagreement'
                   WHEN is_written AND fields <> '{{}}' THEN 'low_confidence'
                   WHEN is_written AND chance < %(sample)s THEN 'sample' END AS reason,
               CASE WHEN status = 'failed' THEN '{{}}' WHEN disagreed <> '{{}}' THEN disagreed ELSE fields END AS fields
        FROM compared
    ), ranked AS (
        SELECT found.*, CASE reason WHEN 'failed' THEN chance WHEN 'disagreement' THEN 1 + coalesce(least, 0)
                            WHEN 'low_confidence' THEN 2 + coalesce(least, 0) ELSE 3 + chance END AS rank
        FROM found WHERE reason IS NOT NULL
    ), placed AS (
        SELECT ranked.*, row_number() OVER (PARTITION BY reason ORDER BY rank, chance, message_id) AS place FROM ranked
    )
    SELECT id, message_id, reason, fields, detail, least, rank FROM placed
    WHERE reason IN ('failed', 'sample') OR place <= %(a_day)s
    ORDER BY message_id
"""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person says of an item: that it is right, what is right instead, or nothing."""

    verdict: Verdict
    corrections: Mapping[str, Value]
    reason: str = ""


def fill(connection: psycopg.Connection, tenant_id: UUID, day: date) -> int:
    """Bring what is open of a day in line with its analyses, in the caller's transaction; return how many are open."""
    wanted = connection.execute(
        _WANTED, {"day": day, "low": LOW, "apart": APART, "sample": SAMPLE, "a_day": A_DAY}
    ).fetchall()
    asked = {(row[0], row[2]) for row in wanted}
    held = connection.execute(
        "SELECT id, analysis_id, reason FROM review_item WHERE state = 'open' AND partition_day = %s", (day,)
    ).fetchall()
    gone = [item_id for item_id, *what in held if tuple(what) not in asked]
    connection.execute("DELETE FROM review_item WHERE state = 'open' AND id = ANY(%s)", (gone,))
    known = {tuple(what) for _, *what in held}
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO review_item (tenant_id, id, message_id, analysis_id, partition_day, reason, fields, detail,"
            " confidence, rank) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, message_id) WHERE state = 'open' DO NOTHING",
            [
                (tenant_id, new_id(), message_id, analysis_id, day, reason, fields, detail, least, rank)
                for analysis_id, message_id, reason, fields, detail, least, rank in wanted
                if (analysis_id, reason) not in known
            ],
        )
    return len(wanted)


def resolve(
    connection: psycopg.Connection, tenant_id: UUID, author: Actor, item_id: UUID, resolution: Resolution
) -> None:
    """Resolve an item, in the caller's transaction; what is corrected is a correction like any other.

    Raises `NotFoundError` for no item of the tenant's, `ConflictError` for one that is resolved, or whose message has
    another analysis since, `InputError` where nothing is corrected, or to what a field cannot be.
    """
    if (resolution.verdict == "corrected") is not bool(resolution.corrections):
        raise InputError("An item is corrected by corrections", remedy="Give a field and its value, or confirm it")
    row = connection.execute("SELECT message_id FROM review_item WHERE id = %s", (item_id,)).fetchone()
    if row is None:
        raise NotFoundError("There is no such item")
    message_id: UUID = row[0]
    hold_messages(connection, [message_id])
    row = connection.execute(
        "SELECT state, EXISTS (SELECT FROM analysis WHERE analysis.id = analysis_id AND current) FROM review_item"
        " WHERE id = %s FOR UPDATE",
        (item_id,),
    ).fetchone()
    if row is None or not row[1]:
        raise ConflictError("The message was analysed anew since", remedy="Look at its new analysis")
    if row[0] != "open":
        raise ConflictError(f"The item is {row[0]} already", remedy="Correct the message, or undo its correction")
    labels = shown_of(connection, [message_id])[message_id] if resolution.verdict == "confirmed" else None
    connection.execute(
        "UPDATE review_item SET state = %s, labels = %s, actor_kind = %s, actor_id = %s, resolved_at = now()"
        " WHERE id = %s",
        (resolution.verdict, None if labels is None else Jsonb(labels), author.kind, author.id, item_id),
    )
    if labels is not None:
        propose(connection, tenant_id, message_id)
    for field, value in resolution.corrections.items():
        correct(connection, tenant_id, author, message_id, field, value, resolution.reason)
    record(
        connection,
        Entry(tenant_id, author, f"review.{resolution.verdict}", Subject("review_item", str(item_id))),
    )
