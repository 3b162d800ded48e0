"""Questions that wait in batches: asked within a ceiling, followed by whoever shares their answer, and given back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import psycopg

from opsintel.ids import new_id
from opsintel.llm.ask import CALL_SECONDS
from opsintel.llm.budget import Reserved, release, reserve
from opsintel.llm.call import Call, Way
from opsintel.llm.chain import Link
from opsintel.llm.charge import call_key, most_of
from opsintel.llm.price import batch_price_of, price_of
from opsintel.llm.provider import provider_of
from opsintel.llm.question import Question

LONGEST = timedelta(hours=27)
"""After which an answer is waited for no longer: providers give a batch up after 24 hours, and it waits before it."""

_OPEN = "('waiting', 'sent', 'answered')"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits for a question: its number there, None where it shares the answer of another."""

    message_id: UUID
    number: int | None
    input_hash: bytes
    template_key: bytes


def for_batch(link: Link) -> Link | None:
    """Return a model at the price that it has within a batch; None where no batch interface of it is known, its key
    rests, or is the installation's. A price of the tenant's own counts in full there, as nobody knows a lower one."""
    if not provider_of(link.provider).batch_requests or link.of_platform or link.rests_until:
        return None
    is_dear = batch_price_of(link.provider, link.model) is None and link.price == price_of(link.provider, link.model)
    return None if is_dear and link.price is not None else in_batch(link)


def in_batch(link: Link) -> Link:
    """Return a model at the price that it has within a batch."""
    if link.price is None or link.price != price_of(link.provider, link.model):
        return link
    return replace(link, price=batch_price_of(link.provider, link.model) or link.price)


def ask(
    connection: psycopg.Connection,
    tenant_id: UUID,
    link: Link,
    question: Question,
    way: Way,
    version: str,
    shown: Sequence[str],
    messages: Sequence[Waiting],
) -> None:
    """Have a question wait for the next batch, in the caller's transaction, and set aside the most that it can cost.

    `link` is at the price of a batch. Raises `CeilingError`.
    """
    said = question.messages()
    key = call_key(link, question.schema, question.max_tokens, said, way)
    call = Call(
        tenant_id, key, link.provider, link.base_url, link.model, tuple(said), question.max_tokens, CALL_SECONDS,
        question.schema, way,
    )  # fmt: skip
    question_id, frame = new_id(), json.dumps(call.frame(), ensure_ascii=False)
    # A key of its own: an ordinary call for the same words must not take over what is set aside here.
    call_id = reserve(
        connection, tenant_id, link, question.work, hashlib.sha256(f"{key} {question_id}".encode()).digest(),
        most_of(link, call),
    ).id  # fmt: skip
    connection.execute(
        "INSERT INTO model_batch_question (tenant_id, id, call_id, key_id, provider, model, partition_day,"
        " profile_version, way, shown, state, call, size)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'waiting', %s, %s)",
        (tenant_id, question_id, call_id, link.key_id, link.provider, link.model, question.work.day, version,
         way.value, list(shown), frame, len(frame.encode())),
    )  # fmt: skip
    follow(connection, tenant_id, question_id, messages)


def follow(connection: psycopg.Connection, tenant_id: UUID, question_id: UUID, messages: Sequence[Waiting]) -> None:
    """Note the messages that wait for a question, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO model_batch_message (tenant_id, question_id, message_id, number, input_hash, template_key)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(tenant_id, question_id, one.message_id, one.number, one.input_hash, one.template_key)
             for one in messages],
        )  # fmt: skip


def asked_of_templates(
    connection: psycopg.Connection, keys: Collection[bytes], version: str, models: Sequence[str]
) -> dict[bytes, UUID]:
    """Return the questions that wait with a message of these templates, by template."""
    rows = connection.execute(
        "SELECT template_key, question_id FROM model_batch_message AS message"
        " JOIN model_batch_question AS question ON question.id = message.question_id"
        f" WHERE template_key = ANY(%s) AND number IS NOT NULL AND state IN {_OPEN}"
        " AND profile_version = %s AND model = ANY(%s)",
        (list(keys), version, list(models)),
    )
    return dict(rows.fetchall())


def held(connection: psycopg.Connection, messages: Sequence[tuple[UUID, bytes]]) -> set[UUID]:
    """Return which of these messages (id, input hash) wait for an answer that is still to come."""
    rows = connection.execute(
        "SELECT wanted.id FROM unnest(%s::uuid[], %s::bytea[]) AS wanted (id, input_hash)"
        " JOIN model_batch_message AS message ON message.message_id = wanted.id"
        " AND message.input_hash = wanted.input_hash"
        " JOIN model_batch_question AS question ON question.id = message.question_id"
        " WHERE state IN ('waiting', 'sent')",
        ([message_id for message_id, _ in messages], [content for _, content in messages]),
    )
    return {row[0] for row in rows}


def failed(connection: psycopg.Connection, message_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these messages waited for a question that failed: they are asked about without a batch."""
    rows = connection.execute(
        "SELECT message_id FROM model_batch_message JOIN model_batch_question AS question"
        " ON question.id = question_id WHERE state = 'failed' AND message_id = ANY(%s)",
        (list(message_ids),),
    )
    return {row[0] for row in rows}


def wake(connection: psycopg.Connection, question_ids: Sequence[UUID]) -> None:
    """Have the days of all that wait for these questions announced, in the caller's transaction."""
    connection.execute(
        "UPDATE analysis SET parked_until = now() FROM model_batch_message AS message"
        " WHERE analysis.message_id = message.message_id AND message.question_id = ANY(%s)"
        " AND analysis.current AND analysis.parked_until > now()",
        (list(question_ids),),
    )


def give_up(connection: psycopg.Connection, question_ids: Sequence[UUID], fault: str, *, may_be_paid: bool) -> int:
    """Note that questions get no answer, in the caller's transaction, and return how many; what was set aside is
    free again unless it `may_be_paid`."""
    rows: list[tuple[UUID, UUID]] = connection.execute(
        "UPDATE model_batch_question SET state = 'failed', call = NULL, answer = NULL"
        " WHERE id = ANY(%s) AND state IN ('waiting', 'sent') RETURNING id, call_id",
        (list(question_ids),),
    ).fetchall()
    for _, call_id in rows:
        release(connection, _reserved(connection, call_id), fault, may_be_paid=may_be_paid)
    wake(connection, [question_id for question_id, _ in rows])
    return len(rows)


def forget(connection: psycopg.Connection) -> int:
    """Remove the questions of the transaction's tenant whose words are here, and return how many: before they are
    sent, and after their answer came. Their messages are asked about anew. Of what was sent the words go; its answer
    still counts for those of its messages that are as they were."""
    rows = connection.execute(
        "SELECT question.id, call_id, begun_at IS NOT NULL FROM model_batch_question AS question"
        " LEFT JOIN model_batch AS batch ON batch.id = batch_id"
        " WHERE question.state IN ('waiting', 'answered') FOR UPDATE OF question"
    ).fetchall()
    ids = [row[0] for row in rows]
    for _, call_id, was_submitted in rows:
        release(connection, _reserved(connection, call_id), "erased", may_be_paid=was_submitted)
    wake(connection, ids)
    connection.execute("DELETE FROM model_batch_question WHERE id = ANY(%s)", (ids,))
    connection.execute("UPDATE model_batch_question SET call = NULL WHERE state = 'sent'")
    return len(ids)


def clear(connection: psycopg.Connection, question_ids: Sequence[UUID]) -> None:
    """Remove questions whose answers were stored, in the transaction that stores them; who shares them is woken."""
    wake(connection, question_ids)
    connection.execute("DELETE FROM model_batch_question WHERE id = ANY(%s)", (list(question_ids),))


def reject(connection: psycopg.Connection, question_id: UUID) -> None:
    """Note that the answer to a question is not valid, in the caller's transaction: it is asked without a batch, for
    all that wait for it."""
    wake(connection, [question_id])
    connection.execute(
        "UPDATE model_batch_question SET state = 'failed', answer = NULL WHERE id = %s AND state = 'answered'",
        (question_id,),
    )


def clear_failed(connection: psycopg.Connection, day: object) -> None:
    """Remove the failed questions of a day that no message waits for any more, in the caller's transaction."""
    connection.execute(
        "DELETE FROM model_batch_question AS question WHERE state = 'failed' AND partition_day = %s AND NOT EXISTS ("
        "SELECT FROM model_batch_message AS message JOIN analysis ON analysis.message_id = message.message_id"
        " WHERE message.question_id = question.id AND analysis.current AND (status = 'parked' OR stale))",
        (day,),
    )


def _reserved(connection: psycopg.Connection, call_id: UUID) -> Reserved:
    row = connection.execute("SELECT reserved_usd FROM model_call WHERE id = %s", (call_id,)).fetchone()
    return Reserved(call_id, row[0] if row else None)
