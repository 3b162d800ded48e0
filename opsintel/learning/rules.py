"""Learned rules: what people say again and again of messages of one sender, subject or organisation.

A rule is proposed once `ENOUGH` corrections of different messages say the same of a field and nobody says anything
else of any of them: two may be chance, and with three and none against, four of five of the next would be so (Laplace's
rule of succession). That of a sender needs corrections under two subjects, else it is the subject's; that of an
organisation corrections of two senders. Nothing changes until a person accepts it, and undoing it brings back what
stood before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.ids import new_id
from opsintel.learning.matching import KEYS, MATCHES, MESSAGES, TEMPLATE

ENOUGH = 3
DAYS = 30
"""Of the preview."""

SAMPLES = 10
SHOWN_EVIDENCE = 20

SCOPES = ("sender", "subject", "organization")

_WITHOUT_NUMBERS: LiteralString = "translate({}, '0123456789#', '')"
"""How what cannot have a template is told for a tenth of the cost: without numbers, a subject ends as its template."""

_AFFECTED: LiteralString = f"""
    SELECT of.scope, of.key FROM ({MESSAGES} WHERE message.id = %s) AS keyed CROSS JOIN LATERAL {KEYS}
    WHERE of.key IS NOT NULL
"""
"""By what rules would go for a message."""

_NEAR: LiteralString = f"""
    WITH judged AS MATERIALIZED (
        SELECT message_id FROM correction WHERE undone_at IS NULL
        UNION SELECT message_id FROM review_item WHERE state = 'confirmed'
    )
    SELECT message.id FROM judged JOIN message ON message.id = judged.message_id
    WHERE message.author_id = %(sender)s::uuid
       OR message.author_id IN (SELECT id FROM participant WHERE organization_id = %(organization)s::uuid)
       OR (right(rtrim({_WITHOUT_NUMBERS.format("lower(left(message.subject, 200))")}),
                 length(rtrim({_WITHOUT_NUMBERS.format("%(subject)s")})))
           = rtrim({_WITHOUT_NUMBERS.format("%(subject)s")}) AND {TEMPLATE} = %(subject)s)
"""
"""Messages that people said something of, and that share a key with one."""

_SAID: LiteralString = f"""
    WITH said AS (
        SELECT DISTINCT ON (message_id, field) message_id, field, new_value AS value, true AS is_correction
        FROM correction WHERE undone_at IS NULL AND message_id = ANY(%(near)s)
        ORDER BY message_id, field, created_at DESC, id DESC
    ), confirmed AS (
        SELECT item.message_id, label.key AS field, label.value, false AS is_correction
        FROM review_item AS item CROSS JOIN LATERAL jsonb_each(item.labels) AS label
        WHERE item.state = 'confirmed' AND item.message_id = ANY(%(near)s) AND NOT EXISTS (
            SELECT FROM said WHERE said.message_id = item.message_id AND said.field = label.key)
    ), told AS (SELECT * FROM said UNION ALL SELECT * FROM confirmed)
    SELECT of.scope, of.key, keyed.id AS message_id, keyed.sender, keyed.template, told.field, told.value,
           told.is_correction
    FROM told JOIN ({MESSAGES} WHERE message.deleted_at IS NULL) AS keyed ON keyed.id = told.message_id
        CROSS JOIN LATERAL {KEYS}
    WHERE of.key IS NOT NULL
"""
"""What people say of some messages, by what rules go by."""

_CANDIDATES: LiteralString = f"""
    SELECT scope, key, field, (min(value::text))::jsonb, count(*) FILTER (WHERE is_correction) FROM ({_SAID}) AS said
    WHERE (scope, key) IN (SELECT * FROM unnest(%(scopes)s::text[], %(keys)s::text[]))
    GROUP BY scope, key, field
    HAVING count(DISTINCT value) = 1 AND count(*) FILTER (WHERE is_correction) >= %(enough)s
       AND (scope <> 'sender' OR count(DISTINCT template) > 1 OR bool_or(template = ''))
       AND (scope <> 'organization' OR count(DISTINCT sender) > 1)
"""

_EFFECT: LiteralString = f"""
    WITH changed AS (
        SELECT keyed.id, keyed.subject, shown.value AS shown, keyed.sorted_at
        FROM learned_rule AS rule CROSS JOIN (
            SELECT recent.*, message.subject, message.sorted_at FROM ({MESSAGES}
                WHERE message.deleted_at IS NULL AND message.sorted_at >= now() - make_interval(days => %(days)s)
            ) AS recent JOIN message ON message.id = recent.id) AS keyed
            JOIN analysis ON analysis.message_id = keyed.id AND analysis.current
            CROSS JOIN LATERAL (SELECT coalesce(analysis.corrected -> rule.field -> 'found', CASE rule.field
                WHEN 'kind' THEN to_jsonb(kind) WHEN 'category' THEN to_jsonb(category)
                WHEN 'severity' THEN to_jsonb(severity) WHEN 'impact' THEN to_jsonb(impact)
                WHEN 'urgency' THEN to_jsonb(urgency)
                WHEN 'sentiment' THEN to_jsonb(
                    (ARRAY['very_negative', 'negative', 'neutral', 'positive', 'very_positive'])[sentiment + 3])
                ELSE coalesce(to_jsonb(not_actionable_reason), 'null') END) AS value) AS shown
        WHERE rule.id = %(rule)s AND {MATCHES}
          AND NOT coalesce(analysis.corrected -> rule.field ? 'correction', false)
          AND shown.value <> CASE rule.field
              WHEN 'severity' THEN to_jsonb(least(rule.value::int, analysis.severity_floor)) ELSE rule.value END
          AND (rule.field <> 'not_actionable_reason' OR rule.value = 'null' OR analysis.severity_floor IS NULL)
    )
    SELECT (SELECT count(*) FROM changed), id, subject, shown FROM changed ORDER BY sorted_at DESC, id LIMIT %(samples)s
"""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule changes, or would change, of the messages of the last `DAYS` days."""

    messages: int
    samples: tuple[tuple[UUID, str, str | int | None], ...]
    """The latest of them: message, subject, what it shows without the rule."""


class Evidence(NamedTuple):
    """What a person says of a message that a rule goes for."""

    message_id: UUID
    subject: str
    value: str | int | None
    is_correction: bool
    """Whether it was corrected to that; else it was confirmed in a review."""


def propose(connection: psycopg.Connection, tenant_id: UUID, message_id: UUID) -> None:
    """Bring what is proposed of a message's sender, subject and organisation in line with what people say, in the
    caller's transaction.

    What a person has decided stays, and is not proposed again before people say something else; a rule that is accepted
    stays even then, until it is undone.
    """
    affected: dict[str, str] = dict(connection.execute(_AFFECTED, (message_id,)).fetchall())
    keys = {"scopes": list(affected), "keys": list(affected.values())}
    near = [row[0] for row in connection.execute(_NEAR, dict.fromkeys(SCOPES) | affected)]
    rows = connection.execute(_CANDIDATES, {"near": near, "enough": ENOUGH} | keys)
    candidates = {tuple(row[:3]): (row[3], row[4]) for row in rows}
    held = connection.execute(
        "SELECT id, state, value, scope, key, field FROM learned_rule"
        " WHERE (scope, key) IN (SELECT * FROM unnest(%(scopes)s::text[], %(keys)s::text[]))",
        keys,
    ).fetchall()
    gone = [row[0] for row in held if row[1] == "proposed" and tuple(row[3:]) not in candidates]
    connection.execute("DELETE FROM learned_rule WHERE state = 'proposed' AND id = ANY(%s)", (gone,))
    known = {tuple(row[3:]): (row[1], row[2]) for row in held}
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO learned_rule (tenant_id, id, scope, key, participant_id, field, value, corrections)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, scope, key, field) DO UPDATE"
            " SET value = excluded.value, corrections = excluded.corrections, state = 'proposed', actor_kind = NULL,"
            " actor_id = NULL, decided_at = NULL WHERE learned_rule.state <> 'accepted'",
            [
                (tenant_id, new_id(), scope, key, key if scope == "sender" else None, field, Jsonb(value), count)
                for (scope, key, field), (value, count) in candidates.items()
                if _is_open(known.get((scope, key, field)), value)
            ],
        )


def _is_open(held: tuple[str, Any] | None, value: Any) -> bool:
    """Tell whether a value may be proposed beside what is held: a state and a value."""
    return held is None or held[0] == "proposed" or (held[0] != "accepted" and held[1] != value)


def effect(connection: psycopg.Connection, rule_id: UUID) -> Effect:
    """Return what a rule changes, or would change; nothing for one that is none of the tenant's."""
    rows = connection.execute(_EFFECT, {"rule": rule_id, "days": DAYS, "samples": SAMPLES}).fetchall()
    return Effect(rows[0][0] if rows else 0, tuple((row[1], row[2], row[3]) for row in rows))


def evidence(connection: psycopg.Connection, rule_id: UUID) -> list[Evidence]:
    """Return what people say of messages that a rule goes for, latest first; what is to the contrary too."""
    row = connection.execute("SELECT scope, key FROM learned_rule WHERE id = %s", (rule_id,)).fetchone()
    near = [] if row is None else connection.execute(_NEAR, dict.fromkeys(SCOPES) | {row[0]: row[1]}).fetchall()
    rows = connection.execute(
        f"SELECT said.message_id, message.subject, said.value, said.is_correction FROM ({_SAID}) AS said"
        " JOIN learned_rule AS rule ON rule.scope = said.scope AND rule.key = said.key AND rule.field = said.field"
        " JOIN message ON message.id = said.message_id WHERE rule.id = %(rule)s"
        " ORDER BY message.sorted_at DESC, message.id LIMIT %(most)s",
        {"near": [message_id for (message_id,) in near], "rule": rule_id, "most": SHOWN_EVIDENCE},
    ).fetchall()
    return [Evidence(*row) for row in rows]
