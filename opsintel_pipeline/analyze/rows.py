"""Analyses as rows: which messages need one, and how one is stored in place of the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.learning import confidence
from opsintel.learning.corrections import hold_messages, overlay
from opsintel.partitions import Partition
from opsintel_pipeline.analyze.message import COLUMNS, MessageView, input_hash
from opsintel_pipeline.analyze.profile import PROFILE_VERSION, SENTIMENTS, Analysis
from opsintel_pipeline.analyze.rules import MODEL

BUILT_IN = "built-in"


@dataclass(frozen=True, slots=True)
class Origin:
    """What an analysis came from, as code knows it and no model says."""

    provider: str = BUILT_IN
    model: str = MODEL
    profile_version: str = PROFILE_VERSION
    status: str = "done"
    reason: str | None = None
    parked_until: datetime | None = None
    call_id: UUID | None = None
    reused_from: UUID | None = None
    tokens: tuple[int, int, int] = (0, 0, 0)
    """In, out, and of those in, cached."""

    cost_usd: Any = 0
    latency_ms: int = 0
    attempts: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    template_key: bytes | None = None
    """Of an analysis by a model: messages of the same template may share it."""

    job_id: UUID | None = None
    """Backfill or re-run it was made for."""


@dataclass(frozen=True, slots=True)
class Made:
    """An analysis that is to be stored."""

    message_id: UUID
    view: MessageView
    found: Analysis
    origin: Origin = Origin()
    id: UUID = field(default_factory=new_id)


def put_away(context: Context, partition: Partition) -> None:
    """Have no analysis be current of a message that a filter left out while it was analysed."""
    with context.database.tenant_tx(partition.tenant_id) as connection:
        connection.execute(
            "UPDATE analysis SET current = false FROM message WHERE analysis.message_id = message.id"
            " AND message.partition_day = %s AND NOT message.selected AND analysis.current",
            (partition.day,),
        )


def waiting(connection: psycopg.Connection, partition: Partition, limit: int) -> list[tuple[UUID, MessageView]]:
    """Return messages of a day that need an analysis: of a text that has none yet, of rules that are not these, of one
    that somebody wants anew, or that was parked and is due."""
    rows = connection.execute(
        f"""
        SELECT id, {COLUMNS} FROM message
        WHERE partition_day = %s AND deleted_at IS NULL AND selected AND NOT EXISTS (
            SELECT 1 FROM analysis WHERE analysis.message_id = message.id AND analysis.current
              AND NOT (stale AND coalesce(parked_until <= now(), true))
              AND (NOT built_in OR (split_part(profile_version, '.', 1) = %s AND model = %s))
              AND (status <> 'parked' OR parked_until > now())
              AND analysis.created_at >= coalesce(message.edited_at, message.ingested_at, '-infinity'))
        ORDER BY sorted_at, id LIMIT %s
        """,
        (partition.day, PROFILE_VERSION, MODEL, limit),
    ).fetchall()
    return [(row[0], MessageView(*row[1:])) for row in rows]


def put_off(connection: psycopg.Connection, message_ids: Sequence[UUID], until: datetime) -> set[UUID]:
    """Keep analyses of models that were to be made anew until that is possible, and return whose; the caller's
    transaction. The others have none that is worth keeping."""
    rows = connection.execute(
        "UPDATE analysis SET parked_until = %s WHERE current AND stale AND status = 'done' AND NOT built_in"
        " AND message_id = ANY(%s) AND EXISTS (SELECT FROM message WHERE message.id = analysis.message_id"
        " AND analysis.created_at >= coalesce(message.edited_at, message.ingested_at, '-infinity'))"
        " RETURNING message_id",
        (until, list(message_ids)),
    )
    return {row[0] for row in rows}


def store(connection: psycopg.Connection, partition: Partition, made: Sequence[Made]) -> None:
    """Store analyses as the current ones, with what people corrected over it, in the caller's transaction."""
    if not made:
        return
    message_ids = [one.message_id for one in made]
    hold_messages(connection, message_ids)
    connection.execute(
        "UPDATE analysis SET current = false WHERE current AND message_id = ANY(%s)",
        (message_ids,),
    )
    calibrations = confidence.in_force(connection)
    values = [_row(partition, one, calibrations) for one in made]
    columns = ", ".join(values[0])
    places = ", ".join(f"%({name})s" for name in values[0])
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO analysis ({columns}) VALUES ({places})", values)
    overlay(connection, message_ids)


def _row(partition: Partition, made: Made, calibrations: confidence.InForce) -> dict[str, Any]:
    found, origin = made.found, made.origin
    calibrated = found.calibrated | calibrations.calibrated(origin.provider, origin.model, found.confidence)
    return {
        "tenant_id": partition.tenant_id,
        "id": made.id,
        "message_id": made.message_id,
        "partition_day": partition.day,
        "profile_version": origin.profile_version,
        "input_hash": input_hash(made.view),
        "status": origin.status,
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
        "confidence": Jsonb(_confidence(found, calibrated)),
        "provider": origin.provider,
        "model": origin.model,
        "built_in": origin.provider == BUILT_IN,
        "reused_from": origin.reused_from,
        "tokens_in": origin.tokens[0],
        "tokens_out": origin.tokens[1],
        "tokens_cached": origin.tokens[2],
        "cost_usd": origin.cost_usd,
        "latency_ms": origin.latency_ms,
        "attempts": origin.attempts,
        "call_id": origin.call_id,
        "provenance": Jsonb(origin.provenance | calibrations.named()),
        "reason": origin.reason,
        "parked_until": origin.parked_until,
        "template_key": origin.template_key,
        "job_id": origin.job_id,
    }


def _confidence(found: Analysis, calibrated: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return by field what was said of it, what is left of that, and the calibrated value where it is measured."""
    parts = {"given": {**found.confidence, **found.given}, "left": found.confidence, "calibrated": calibrated}
    return {name: {part: values[name] for part, values in parts.items() if name in values} for name in found.confidence}
