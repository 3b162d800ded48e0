"""Batches are formed of the questions that wait, as many as a provider takes; a batch is written before it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import psycopg

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.llm.batch.question import give_up
from opsintel.llm.provider import provider_of

GATHER = timedelta(minutes=1)
"""How long questions are gathered: one batch of many days is cheaper to look after than one of each."""

MOST = 1_000
"""Questions of one batch, at most: it is held in memory as a whole, and some thousand messages have come then."""

MAY_WORK = "tenant_id NOT IN (SELECT id FROM tenant WHERE paused_at IS NOT NULL OR suspended_at IS NOT NULL)"
"""Of a row: what waits of a tenant that is paused or suspended stays where it is."""

_PAGE = 200
_AROUND = 200
"""Bytes of a request beside what is asked."""

_INPUT_HASH = (
    "sha256(convert_to(concat_ws(E'\\x1f', message.subject, message.text, message.language,"
    " coalesce(message.automatic, ''), CASE WHEN message.is_bot THEN 'True' ELSE 'False' END, message.direction,"
    " message.kind, coalesce(message.extra->>'priority', ''), message.visibility), 'UTF8'))"
)
"""What `input_hash` of the stage says of a message, in SQL: where the two differ nothing is ever sent."""


def form(database: Database) -> int:
    """Form batches of what was gathered, a transaction a tenant, and return how many."""
    with database.system_tx() as connection:
        tenants = connection.execute(
            "SELECT tenant_id FROM model_batch_question WHERE state = 'waiting' AND batch_id IS NULL"
            f" AND {MAY_WORK} GROUP BY tenant_id HAVING min(created_at) <= now() - %s OR count(*) >= %s LIMIT %s",
            (GATHER, MOST, _PAGE),
        ).fetchall()
    formed = 0
    for (tenant_id,) in tenants:
        with database.tenant_tx(tenant_id) as connection:
            drop_changed(connection)
            formed += _form(connection, tenant_id)
    return formed


def drop_changed(connection: psycopg.Connection, batch_id: UUID | None = None) -> None:
    """Give up, in the caller's transaction, the questions of a batch (None: of none yet) that were not sent and speak
    of a message which is not what they say it is, or no more; their messages are asked about anew."""
    rows = connection.execute(
        "SELECT question.id FROM model_batch_question AS question"
        " LEFT JOIN model_batch_message AS place ON place.question_id = question.id AND place.number IS NOT NULL"
        " LEFT JOIN message ON message.id = place.message_id"
        " WHERE question.state = 'waiting' AND question.batch_id IS NOT DISTINCT FROM %s GROUP BY question.id"
        f" HAVING NOT coalesce(bool_and(message.deleted_at IS NULL AND {_INPUT_HASH} = place.input_hash), false)"
        " OR count(place.number) < max(place.number)",
        (batch_id,),
    ).fetchall()
    give_up(connection, [row[0] for row in rows], "changed", may_be_paid=False)


def _form(connection: psycopg.Connection, tenant_id: UUID) -> int:
    rows: list[tuple[UUID, int, UUID, str, str]] = connection.execute(
        "SELECT id, size, key_id, provider, model FROM model_batch_question"
        " WHERE state = 'waiting' AND batch_id IS NULL ORDER BY key_id, model, created_at, id"
        " LIMIT %s FOR UPDATE SKIP LOCKED",
        (10 * MOST,),
    ).fetchall()
    formed = 0
    for part in _parts(rows):
        _, _, key_id, provider, model = part[0]
        batch_id, ids = new_id(), [row[0] for row in part]
        connection.execute(
            "INSERT INTO model_batch (tenant_id, id, key_id, provider, base_url, model, state, questions)"
            " SELECT %s, %s, %s, %s, coalesce((SELECT base_url FROM model_key WHERE id = %s), ''), %s, 'formed', %s",
            (tenant_id, batch_id, key_id, provider, key_id, model, len(ids)),
        )
        connection.execute("UPDATE model_batch_question SET batch_id = %s WHERE id = ANY(%s)", (batch_id, ids))
        connection.execute(
            "UPDATE model_call SET batch_id = %s FROM model_batch_question AS question"
            " WHERE model_call.id = question.call_id AND question.id = ANY(%s)",
            (batch_id, ids),
        )
        formed += 1
    return formed


def _parts(
    rows: Sequence[tuple[UUID, int, UUID, str, str]],
) -> Iterator[list[tuple[UUID, int, UUID, str, str]]]:
    """Yield rows in their order, as many together as one batch of their key and model takes."""
    part: list[tuple[UUID, int, UUID, str, str]] = []
    size = 0
    for row in rows:
        limits = provider_of(row[3])
        is_full = len(part) >= min(MOST, limits.batch_requests) or size + row[1] + _AROUND > limits.batch_bytes
        if part and (part[0][2:] != row[2:] or is_full):
            yield part
            part, size = [], 0
        part.append(row)
        size += row[1] + _AROUND
    if part:
        yield part
