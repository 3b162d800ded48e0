"""Normalise a partition: waiting payloads become canonical messages, a page and a transaction at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import psycopg
from psycopg.errors import CheckViolation, NotNullViolation, ProgramLimitExceeded, StatementTooComplex

from opsintel.connectors.contract import PayloadFormat
from opsintel.context import Context
from opsintel.errors import ItemError
from opsintel.events.message import CanonicalMessage
from opsintel.ids import new_id
from opsintel.partitions import Partition, StageResult
from opsintel.people.payloads import remove_marked
from opsintel.people.suppression import Suppressed, suppressed
from opsintel.queue.outbox import announce_days
from opsintel.sources.selection import judge
from opsintel.tenants import tenant_by_id
from opsintel_pipeline.normalize.duplicates import content_hash
from opsintel_pipeline.normalize.erased import is_by_erased, mark_erased, names_erased, without_erased
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from opsintel_pipeline.normalize.store import Incoming, delete_occurrences, store_messages

PAGE = 500

PARSE_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the content of one message can provoke beyond `ItemError`."""

STORE_FAULTS = (
    psycopg.DataError, CheckViolation, NotNullViolation, ProgramLimitExceeded, StatementTooComplex, UnicodeError
)  # fmt: skip
"""What the database or its driver says of values that it cannot hold."""


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
    full = True
    erased_now = 0
    while full and (payloads := _waiting(context, partition)):
        full = len(payloads) == PAGE
        gone = suppressed(context, partition.tenant_id)
        incoming, failures, erased = _parse(context, payloads, normalize_context, gone)
        by_id = {payload.id: payload for payload in payloads}
        with context.database.tenant_tx(partition.tenant_id) as connection:
            days, refused = _store(connection, partition, incoming)
            failures += [(by_id[item.raw_payload_id], reason) for item, reason in refused]
            delete_occurrences(connection, [(p.source_id, p.native_id, p.occurred_at) for p in payloads if p.deleted])
            days |= judge(connection, [(payload.source_id, payload.native_id) for payload in payloads])
            _record_failures(connection, partition, failures)
            _resolve_failures(connection, incoming, [item for item, _ in refused])
            connection.execute(
                "UPDATE raw_payload SET normalized_at = now() WHERE id = ANY(%s)", ([p.id for p in payloads],)
            )
            mark_erased(connection, erased)
            announce_days(connection, partition.tenant_id, days - {partition.day}, "edit", "analyses")
        if erased:
            remove_marked(context, partition.tenant_id)
            erased_now += len(erased)
        taken += len(incoming) - len(refused)
        failed += len(failures)
    with context.database.tenant_tx(partition.tenant_id) as connection:
        row = connection.execute("SELECT count(*) FROM message WHERE partition_day = %s", (partition.day,)).fetchone()
    return StageResult(int(row[0]) if row else 0, {"normalized": taken, "failed": failed, "erased": erased_now})


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
    context: Context, payloads: list[_Payload], normalize_context: NormalizeContext, gone: Suppressed
) -> tuple[list[Incoming], list[tuple[_Payload, str]], list[UUID]]:
    """Return the messages of payloads, those that failed, and those that hold a person who was erased."""
    contents = _read(context, payloads)
    incoming: list[Incoming] = []
    failures: list[tuple[_Payload, str]] = []
    erased: list[UUID] = []
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
        except PARSE_FAULTS as error:
            failures.append((payload, f"cannot be read: {type(error).__name__}"))
            continue
        if gone and (is_by_erased(message, gone) or names_erased(contents[payload.id], message, gone)):
            erased.append(payload.id)
            if not is_by_erased(message, gone):
                incoming.append(
                    replace(
                        _incoming(payload, without_erased(message, gone, contents[payload.id])),
                        digest=content_hash(message),
                    )
                )
            continue
        incoming.append(_incoming(payload, message))
    return incoming, failures, erased


def _incoming(payload: _Payload, message: CanonicalMessage) -> Incoming:
    return Incoming(payload.source_id, payload.native_id, payload.version, payload.id, payload.channel, message)


def _store(
    connection: psycopg.Connection, partition: Partition, incoming: Sequence[Incoming]
) -> tuple[set[date], list[tuple[Incoming, str]]]:
    """Store messages and return the days changed, and those the database refuses with the reason.

    A refusal concerns a whole statement: the messages are halved until the one to blame stands alone.
    """
    try:
        with connection.transaction():
            return store_messages(connection, partition, incoming), []
    except STORE_FAULTS as error:
        if len(incoming) == 1:
            code = f" {error.sqlstate}" if isinstance(error, psycopg.Error) and error.sqlstate else ""
            return set(), [(incoming[0], f"cannot be stored: {type(error).__name__}{code}")]
    middle = len(incoming) // 2
    halves = [_store(connection, partition, half) for half in (incoming[:middle], incoming[middle:])]
    return halves[0][0] | halves[1][0], halves[0][1] + halves[1][1]


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
    if not failures:
        return
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


def _resolve_failures(
    connection: psycopg.Connection, incoming: Sequence[Incoming], refused: Sequence[Incoming]
) -> None:
    """Close the failures of messages that could now be taken in."""
    taken = {(item.source_id, item.native_id) for item in incoming} - {(i.source_id, i.native_id) for i in refused}
    connection.execute(
        "UPDATE ingest_failure SET resolved_at = now() WHERE stage = 'normalize' AND resolved_at IS NULL"
        " AND (source_id, key) IN (SELECT * FROM unnest(%s::uuid[], %s::text[]))",
        ([source_id for source_id, _ in taken], [native_id for _, native_id in taken]),
    )
