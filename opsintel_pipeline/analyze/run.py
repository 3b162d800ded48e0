"""Analyse a partition: messages without a current analysis of this profile get one, from the built-in rules."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.partitions import Partition, StageResult
from opsintel_pipeline.analyze.profile import PROFILE_VERSION, SENTIMENTS, Analysis
from opsintel_pipeline.analyze.rules import MODEL, MessageView, analyze

PAGE = 500
PROVIDER = "built-in"
_VIEW = "subject, text, language, automatic, is_bot, direction, kind, coalesce(extra->>'priority', '')"


def run(context: Context, partition: Partition) -> StageResult:
    """Analyse what has no analysis of its present text yet; returns the number of messages analysed in the day."""
    made = 0
    while True:
        with context.database.tenant_tx(partition.tenant_id) as connection:
            rows = _waiting(connection, partition)
            _store(connection, partition, [(row[0], MessageView(*row[1:])) for row in rows])
        made += len(rows)
        if len(rows) < PAGE:
            break
    return StageResult(_count(context, partition), {"analysed_now": made, "cost_usd": 0.0, "provider": PROVIDER})


def input_hash(view: MessageView) -> bytes:
    """Return the SHA-256 of all that an analysis depends on."""
    parts = (view.subject, view.text, view.language, view.automatic or "", str(view.is_bot), view.direction, view.kind,
             view.priority)  # fmt: skip
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()


def _waiting(connection: psycopg.Connection, partition: Partition) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"""
        SELECT id, {_VIEW} FROM message
        WHERE partition_day = %s AND deleted_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM analysis WHERE analysis.message_id = message.id AND analysis.current
              AND analysis.profile_version = %s AND analysis.model = %s
              AND analysis.created_at >= coalesce(message.edited_at, message.ingested_at, '-infinity'))
        ORDER BY sorted_at, id LIMIT %s
        """,
        (partition.day, PROFILE_VERSION, MODEL, PAGE),
    ).fetchall()


def _store(connection: psycopg.Connection, partition: Partition, views: list[tuple[UUID, MessageView]]) -> None:
    connection.execute(
        "UPDATE analysis SET current = false WHERE current AND message_id = ANY(%s)", ([view[0] for view in views],)
    )
    values = [_row(partition, message_id, view, analyze(view)) for message_id, view in views]
    if not values:
        return
    columns = ", ".join(values[0])
    places = ", ".join(f"%({name})s" for name in values[0])
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO analysis ({columns}) VALUES ({places})", values)


def _row(partition: Partition, message_id: UUID, view: MessageView, found: Analysis) -> dict[str, Any]:
    return {
        "tenant_id": partition.tenant_id,
        "id": new_id(),
        "message_id": message_id,
        "partition_day": partition.day,
        "profile_version": PROFILE_VERSION,
        "input_hash": input_hash(view),
        "status": "done",
        "is_actionable": found.is_actionable,
        "not_actionable_reason": found.not_actionable_reason,
        "kind": found.kind.value,
        "category": " / ".join(found.category_path),
        "severity": found.severity,
        "severity_floor": found.severity_floor,
        "impact": found.impact,
        "urgency": found.urgency,
        "sentiment": SENTIMENTS.index(found.sentiment) - 2,
        "title": found.title,
        "summary": found.summary,
        "language": found.language,
        "injection_suspected": found.injection_suspected,
        "output": Jsonb(found.model_dump(mode="json")),
        "confidence": Jsonb({name: {"given": value} for name, value in found.confidence.items()}),
        "provider": PROVIDER,
        "model": MODEL,
        "built_in": True,
        "cost_usd": 0,
    }


def _count(context: Context, partition: Partition) -> int:
    with context.database.tenant_tx(partition.tenant_id) as connection:
        row = connection.execute(
            "SELECT count(*) FROM message JOIN analysis ON analysis.message_id = message.id AND analysis.current"
            " WHERE message.partition_day = %s AND message.deleted_at IS NULL",
            (partition.day,),
        ).fetchone()
    return int(row[0]) if row else 0
