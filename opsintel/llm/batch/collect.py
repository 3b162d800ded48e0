"""What came back of a batch, settled call by call; and how a batch waits, ends or begins anew."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.llm.batch.order import Result, Step
from opsintel.llm.batch.question import give_up, in_batch, wake
from opsintel.llm.batch.sent import Batch, hold, told
from opsintel.llm.budget import Reserved, settle
from opsintel.llm.call import Answer, ModelError
from opsintel.llm.chain import Link
from opsintel.llm.keys import found_well

POLL = timedelta(minutes=1)
"""How often a batch is looked at."""

COLLECTED_TRIES = 3
"""How often results are fetched while some of them cannot be read."""

_SETTLED = 200
"""Results of one transaction."""

_NOT_STORED = re.compile("[\x00\ud800-\udfff]")
"""Characters that PostgreSQL does not take; an answer that is valid has none."""

_WANTED = """
    SELECT EXISTS (
        SELECT FROM model_batch_message AS place JOIN message ON message.id = place.message_id
        JOIN analysis ON analysis.message_id = message.id AND analysis.current
        WHERE place.question_id = %(id)s AND number IS NOT NULL AND message.deleted_at IS NULL
        AND (analysis.status = 'parked' OR analysis.stale)) AS it
"""
"""Whether a message that a question speaks of still waits for its answer."""


def collect(context: Context, batch: Batch) -> None:
    """Settle what came back; what is missing is fetched again some times, then it has failed."""
    results = told(context, batch, Step.COLLECT).results
    with context.database.tenant_tx(batch.tenant_id) as connection:
        calls: dict[str, UUID] = {
            str(question_id): call_id
            for question_id, call_id in connection.execute(
                "SELECT id, call_id FROM model_batch_question WHERE batch_id = %s AND state = 'sent'", (batch.id,)
            )
        }
    ours = [(name, call_id, results[name]) for name, call_id in calls.items() if name in results]
    if batch.is_found and calls and results and not ours:
        unsent(context, batch, "another's", timedelta(0), not_ours=batch.remote_id)
        return
    for first in range(0, len(ours), _SETTLED):
        _settle(context, batch, ours[first : first + _SETTLED])
    if ours and batch.is_found:
        batch = replace(batch, is_found=False)
    if len(ours) < len(calls) and batch.attempts < COLLECTED_TRIES:
        later(context, batch, POLL, "some results cannot be read")
        return
    end_without(context, batch, "missing" if len(ours) < len(calls) else "", "collected", may_be_paid=True)


def _settle(context: Context, batch: Batch, results: list[tuple[str, UUID, Result]]) -> None:
    """Note answers and faults in one transaction, and wake who waits for them."""
    assert batch.link is not None
    link, taken = in_batch(batch.link), list[UUID]()
    failed = unwanted = 0
    with context.database.tenant_tx(batch.tenant_id) as connection:
        hold(connection, batch)
        for name, call_id, result in results:
            if isinstance(result, ModelError):
                failed += give_up(connection, [UUID(name)], result.fault.value, may_be_paid=result.may_be_paid)
                continue
            state = _keep(connection, UUID(name), result)
            if state is None:
                continue
            settle(connection, Reserved(call_id, None), result, _cost(connection, call_id, link, result))
            taken.append(UUID(name))
            unwanted += state == "failed"
        wake(connection, taken)
        connection.execute(
            "UPDATE model_batch SET answered = answered + %s, failed = failed + %s, is_found = false WHERE id = %s",
            (len(taken) - unwanted, failed + unwanted, batch.id),
        )
        found_well(connection, batch.key_id)


def _keep(connection: psycopg.Connection, question_id: UUID, answer: Answer) -> str | None:
    """Store an answer that a message still waits for, and return the state of its question; None where that is over.

    What is said of messages that are gone is not stored: the question has failed then, though it is paid for.
    """
    content = _NOT_STORED.sub("\N{REPLACEMENT CHARACTER}", answer.content)
    row = connection.execute(
        f"WITH wanted AS ({_WANTED}) UPDATE model_batch_question SET call = NULL,"
        " state = CASE WHEN wanted.it THEN 'answered' ELSE 'failed' END,"
        " answer = CASE WHEN wanted.it THEN %(answer)s::jsonb END"
        " FROM wanted WHERE id = %(id)s AND state = 'sent' RETURNING state",
        {"id": question_id, "answer": Jsonb(replace(answer, content=content).frame())},
    ).fetchone()
    return row[0] if row else None


def _cost(connection: psycopg.Connection, call_id: UUID, link: Link, answer: Answer) -> Decimal | None:
    """Return what an answer cost; of a server that counts no tokens, all that was set aside."""
    if link.price is None:
        return None
    if answer.tokens_in or answer.tokens_out:
        return link.price.cost(answer.tokens_in, answer.tokens_out, answer.tokens_cached, answer.tokens_written)
    row = connection.execute("SELECT reserved_usd FROM model_call WHERE id = %s", (call_id,)).fetchone()
    return row[0] if row else None


def later(context: Context, batch: Batch, wait: timedelta, fault: str = "") -> None:
    """Have a batch looked at again after a while."""
    with context.database.tenant_tx(batch.tenant_id) as connection:
        hold(connection, batch)
        connection.execute(
            "UPDATE model_batch SET next_at = now() + %s, leased_until = now(), fault = %s,"
            " attempts = CASE %s WHEN '' THEN 0 ELSE attempts END WHERE id = %s",
            (wait, fault[:500], fault, batch.id),
        )


def unsent(context: Context, batch: Batch, fault: str, wait: timedelta, not_ours: str = "") -> None:
    """Have a batch sent again: its provider began none of it, or what was taken for it was another's."""
    with context.database.tenant_tx(batch.tenant_id) as connection:
        hold(connection, batch)
        connection.execute(
            "UPDATE model_batch_question SET state = 'waiting' WHERE batch_id = %s AND state = 'sent'"
            " AND call IS NOT NULL",
            (batch.id,),
        )
        fail_all(connection, batch.id, fault, may_be_paid=False, states=("sent",))
        connection.execute(
            "UPDATE model_batch SET state = 'formed', remote_id = '', is_found = false, fault = %(fault)s,"
            " attempts = 0,"
            " begun_at = CASE %(other)s WHEN '' THEN NULL ELSE begun_at END,"
            " not_ours = array_remove(not_ours || %(other)s::text, ''), leased_until = now(),"
            " next_at = now() + %(wait)s WHERE id = %(id)s",
            {"fault": fault, "other": not_ours, "wait": wait, "id": batch.id},
        )


def end_without(context: Context, batch: Batch, fault: str, state: str, *, may_be_paid: bool = False) -> None:
    """Note that no more answers come of a batch: `collected`, what is left of it at its provider is removed next, or
    `closed`."""
    with context.database.tenant_tx(batch.tenant_id) as connection:
        hold(connection, batch)
        failed = fail_all(connection, batch.id, fault, may_be_paid=may_be_paid)
        connection.execute(
            "UPDATE model_batch SET state = %(state)s, attempts = 0, failed = failed + %(failed)s, fault = %(fault)s,"
            " next_at = now(), leased_until = now(), closed_at = CASE %(state)s WHEN 'closed' THEN now() END"
            " WHERE id = %(id)s",
            {"state": state, "failed": failed, "fault": fault, "id": batch.id},
        )


def close(context: Context, batch: Batch) -> None:
    """Note that nothing of a batch is left at its provider."""
    with context.database.tenant_tx(batch.tenant_id) as connection:
        hold(connection, batch)
        connection.execute(
            "UPDATE model_batch SET state = 'closed', closed_at = now(), leased_until = now() WHERE id = %s",
            (batch.id,),
        )


def fail_all(
    connection: psycopg.Connection, batch_id: UUID, fault: str, *, may_be_paid: bool,
    states: tuple[str, ...] = ("waiting", "sent"),
) -> int:  # fmt: skip
    """Give up, in the caller's transaction, the questions of a batch that have no answer, and return how many."""
    rows = connection.execute(
        "SELECT id FROM model_batch_question WHERE batch_id = %s AND state = ANY(%s)", (batch_id, list(states))
    ).fetchall()
    return give_up(connection, [row[0] for row in rows], fault, may_be_paid=may_be_paid)
