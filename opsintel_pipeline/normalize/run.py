"""Normalise a partition: waiting payloads become canonical messages, a page and a transaction at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from opsintel.connectors.contract import PayloadFormat
from opsintel.context import Context
from opsintel.errors import ItemError
from opsintel.events.message import CanonicalMessage
from opsintel.ids import new_id
from opsintel.partitions import Partition, StageResult
from opsintel.queue.outbox import announce_days
from opsintel.tenants import tenant_by_id
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from opsintel_pipeline.normalize.store import Incoming, delete_occurrences, store_messages

PAGE = 500


@dataclass(frozen=True, slots=True)
class _Payload:
    id: UUID
    source_id: UUID
    native_id: str
    version: str
    format: str | None
    channel: str
    deleted: bool
    occurred_at: datetime | None
    object_key: str | None
    offset: int
    size: int


def run(context: Context, partition: Partition) -> StageResult:
    """Take in the waiting payloads of a day and return the number of messages the day then has."""
    tenant = tenant_by_id(context.database, partition.tenant_id)
    normalize_context = NormalizeContext(
        own_domains=frozenset(name for name in tenant.own_domains if "@" not in name),
        own_addresses=frozenset(name for name in tenant.own_domains if "@" in name),
    )
    taken = failed = 0
    while payloads := _waiting(context, partition):
        incoming, failures = _parse(context, payloads, normalize_context)
        with context.database.tenant_tx(partition.tenant_id) as connection:
            days = store_messages(connection, partition, incoming)
            delete_occurrences(connection, [(p.source_id, p.native_id, p.occurred_at) for p in payloads if p.deleted])
            _record_failures(connection, partition, failures)
            connection.execute(
                "UPDATE raw_payload SET normalized_at = now() WHERE id = ANY(%s)", ([p.id for p in payloads],)
            )
            announce_days(connection, partition.tenant_id, days - {partition.day}, "edit")
        taken += len(incoming)
        failed += len(failures)
    with context.database.tenant_tx(partition.tenant_id) as connection:
        row = connection.execute("SELECT count(*) FROM message WHERE partition_day = %s", (partition.day,)).fetchone()
    return StageResult(int(row[0]) if row else 0, {"normalized": taken, "failed": failed})


def _waiting(context: Context, partition: Partition) -> list[_Payload]:
    with context.database.tenant_tx(partition.tenant_id) as connection:
        rows = connection.execute(
            "SELECT id, source_id, native_id, version, format, channel, deleted, occurred_at, object_key,"
            " object_offset, size FROM raw_payload WHERE partition_day = %s AND normalized_at IS NULL"
            " ORDER BY occurred_at NULLS LAST, native_id, id LIMIT %s",
            (partition.day, PAGE),
        ).fetchall()
    return [_Payload(*row) for row in rows]


def _parse(
    context: Context, payloads: list[_Payload], normalize_context: NormalizeContext
) -> tuple[list[Incoming], list[tuple[_Payload, str]]]:
    contents = _read(context, payloads)
    incoming: list[Incoming] = []
    failures: list[tuple[_Payload, str]] = []
    for payload in payloads:
        if payload.deleted or payload.format is None:
            continue
        try:
            message = parse_payload(
                contents[payload.id], PayloadFormat(payload.format), payload.native_id, context=normalize_context
            )
        except ItemError as error:
            failures.append((payload, error.line()))
            continue
        incoming.append(_incoming(payload, message))
    return incoming, failures


def _incoming(payload: _Payload, message: CanonicalMessage) -> Incoming:
    return Incoming(payload.source_id, payload.native_id, payload.version, payload.id, payload.channel, message)


def _read(context: Context, payloads: list[_Payload]) -> dict[UUID, bytes]:
    by_object: dict[str, list[_Payload]] = defaultdict(list)
    for payload in payloads:
        if payload.object_key is not None:
            by_object[payload.object_key].append(payload)
    contents: dict[UUID, bytes] = {}
    for key, members in by_object.items():
        blocks = context.objects.get_ranges(key, [(member.offset, member.size) for member in members])
        contents |= {member.id: block for member, block in zip(members, blocks, strict=True)}
    return contents


def _record_failures(
    connection: psycopg.Connection, partition: Partition, failures: list[tuple[_Payload, str]]
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ingest_failure (tenant_id, id, source_id, stage, kind, key, reason, partition_day, retryable)"
            " VALUES (%s, %s, %s, 'normalize', 'message', %s, %s, %s, false)"
            " ON CONFLICT (tenant_id, source_id, stage, kind, key) DO UPDATE SET reason = excluded.reason,"
            " attempts = ingest_failure.attempts + 1, last_at = now(), resolved_at = NULL",
            [
                (partition.tenant_id, new_id(), payload.source_id, payload.native_id, reason, partition.day)
                for payload, reason in failures
            ],
        )
