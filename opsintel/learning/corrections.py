"""Corrections: what a person says of a message stands over every analysis of it, field by field; below that, rules that
a person accepted (opsintel/learning/rules.py); below them, what was found.

The analysis that is shown holds the values that stand, and beside them what was found without, so that every reader
sees the same, and a correction or rule that is undone leaves nothing behind. Whoever writes an analysis or a correction
holds the message first; neither can miss the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType
from typing import LiteralString
from uuid import UUID

import psycopg

from opsintel.learning.matching import KEYS, MESSAGES

KINDS = (
    "help", "complaint", "request", "bug_report", "incident", "question", "praise", "churn_risk", "billing", "security",
    "legal", "other",
)  # fmt: skip
CHOICES: Mapping[str, tuple[str | int | None, ...]] = MappingProxyType(
    {
        "kind": KINDS,
        "severity": (1, 2, 3, 4, 5),
        "sentiment": ("very_negative", "negative", "neutral", "positive", "very_positive"),
        "impact": ("individual", "team", "org", "all"),
        "urgency": ("now", "today", "week", "none"),
        "not_actionable_reason": (None, "spam", "auto_reply", "newsletter", "fyi", "thanks", "internal"),
    }
)
"""What a field can be corrected to; a category is any path of at most three levels."""

FIELDS = (*CHOICES, "category")
"""What can be corrected."""

LEVELS, LONGEST_LEVEL = 3, 80

HOLD: LiteralString = "SELECT partition_day FROM message WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
"""$1 messages; gives their partitions."""

SHOWN: LiteralString = """
    SELECT analysis.id, analysis.message_id, analysis.corrected, jsonb_build_object(
        'kind', kind, 'category', category, 'severity', severity, 'impact', impact, 'urgency', urgency,
        'sentiment', (ARRAY['very_negative', 'negative', 'neutral', 'positive', 'very_positive'])[sentiment + 3],
        'not_actionable_reason', not_actionable_reason) AS shown
    FROM analysis WHERE current AND message_id = ANY($1::uuid[])
"""
"""The fields that can be corrected, as they are shown. $1 messages."""

OVERLAY: LiteralString = f"""
    WITH shown AS ({SHOWN}), found AS (
        SELECT id, message_id, shown || coalesce(
            (SELECT jsonb_object_agg(key, value -> 'found') FROM jsonb_each(shown.corrected)), '{{}}') AS found
        FROM shown
    ), said AS (
        SELECT DISTINCT ON (message_id, field) id, message_id, field, new_value FROM correction
        WHERE message_id = ANY($1::uuid[]) AND undone_at IS NULL
        ORDER BY message_id, field, created_at DESC, id DESC
    ), ruled AS (
        SELECT DISTINCT ON (keyed.id, rule.field) rule.id, keyed.id AS message_id, rule.field,
               CASE rule.field WHEN 'severity' THEN to_jsonb(least(rule.value::int, analysis.severity_floor))
                    ELSE rule.value END AS new_value
        FROM ({MESSAGES} WHERE message.id = ANY($1::uuid[])) AS keyed
            JOIN analysis ON analysis.message_id = keyed.id AND analysis.current CROSS JOIN LATERAL {KEYS}
            JOIN learned_rule AS rule ON rule.scope = of.scope AND rule.key = of.key AND rule.state = 'accepted'
        WHERE rule.field <> 'not_actionable_reason' OR rule.value = 'null' OR analysis.severity_floor IS NULL
        ORDER BY keyed.id, rule.field, of.breadth, rule.decided_at DESC, rule.id
    ), standing AS (
        SELECT DISTINCT ON (message_id, field) * FROM (
            SELECT said.*, 'correction' AS whose FROM said UNION ALL SELECT ruled.*, 'rule' FROM ruled) AS all_of_them
        ORDER BY message_id, field, whose
    ), settled AS (
        SELECT found.id,
               found.found || coalesce(jsonb_object_agg(field, new_value) FILTER (WHERE field IS NOT NULL), '{{}}')
                   AS said,
               coalesce(jsonb_object_agg(field, jsonb_build_object(
                   whose, standing.id, 'found', found.found -> field)) FILTER (WHERE field IS NOT NULL), '{{}}')
                   AS corrected
        FROM found LEFT JOIN standing USING (message_id) GROUP BY found.id, found.found
    )
    UPDATE analysis SET
        kind = said ->> 'kind', category = said ->> 'category', severity = (said ->> 'severity')::smallint,
        impact = said ->> 'impact', urgency = said ->> 'urgency',
        sentiment = array_position(ARRAY['very_negative', 'negative', 'neutral', 'positive', 'very_positive'],
                                   said ->> 'sentiment') - 3,
        not_actionable_reason = said ->> 'not_actionable_reason',
        is_actionable = (said ->> 'not_actionable_reason') IS NULL,
        corrected = settled.corrected, corrected_at = clock_timestamp()
    FROM settled WHERE analysis.id = settled.id AND analysis.corrected <> settled.corrected
"""
"""Brings the analyses that are shown in line with the corrections and rules that stand. $1 messages.

A rule goes no lower than the severity floor, as no text does: that is left to a person, message by message.
"""


def fault_of(field: str, value: str | int | None) -> str:
    """Return why a field cannot be corrected to a value; "" where it can."""
    if field == "category":
        levels = value.split(" / ") if isinstance(value, str) else []
        if not 1 <= len(levels) <= LEVELS or not all(0 < len(level.strip()) <= LONGEST_LEVEL for level in levels):
            return f"A category has 1 to {LEVELS} levels of at most {LONGEST_LEVEL} characters, joined by ' / '"
        return ""
    choices = CHOICES[field]
    if value in choices and not isinstance(value, bool):
        return ""
    return f"{field} is one of {', '.join('null' if choice is None else str(choice) for choice in choices)}"


def hold_messages(connection: psycopg.Connection, message_ids: Collection[UUID]) -> list[date]:
    """Hold messages until the transaction ends, before their analyses or corrections are written; their partitions."""
    with psycopg.RawCursor(connection) as cursor:
        return [row[0] for row in cursor.execute(HOLD, (list(message_ids),))]


def overlay(connection: psycopg.Connection, message_ids: Collection[UUID]) -> int:
    """Bring the analyses that are shown in line with what stands over them; returns how many changed."""
    with psycopg.RawCursor(connection) as cursor:
        return cursor.execute(OVERLAY, (list(message_ids),)).rowcount
