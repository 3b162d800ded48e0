"""What came back of a batch, settled call by call; and how a batch waits, ends or begins anew."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.llm.batch.order import Result, Step
from opsintel.llm.batch.question import give_up, in_batch, wake
from opsintel.llm.batch.sent import Batch, told
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
    if len(ours) < len(calls) and batch.attempts < COLLECTED_TRIES:
        later(context, batch, POLL, "some results cannot be read")
        return
    end_without(context, batch, "missing" if len(ours) < len(calls) else "", "collected", may_be_paid=True)


def _settle(context: Context, batch: Batch, results: list[tuple[str, UUID, Result]]) -> None:
    """Note answers and faults in one transaction, and wake who waits for them."""
    assert batch.link is not None
    link, answered, failed = in_batch(batch.link), [], 0
    with context.database.tenant_tx(batch.tenant_id) as connection:
        for name, call_id, result in results:
            if isinstance(result, ModelError):
                failed += give_up(connection, [UUID(name)], result.fault.value, may_be_paid=result.may_be_paid)
                continue
            kept = connection.execute(
                "UPDATE model_batch_question SET state = 'answered', answer = %s, call = NULL"
                " WHERE id = %s AND state = 'sent'",
                (Jsonb(result.frame()), UUID(name)),
            ).rowcount
            if kept:
                settle(connection, Reserved(call_id, None), result, _cost(connection, call_id, link, result))
                answered.append(UUID(name))
        wake(connection, answered)
        connection.execute(
            "UPDATE model_batch SET answered = answered + %s, failed = failed + %s WHERE id = %s",
            (len(answered), failed, batch.id),
        )
        found_well(connection, batch.key_id)


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
        connection.execute(
            "UPDATE model_batch SET next_at = now() + %s, leased_until = now(), fault = %s,"
            " attempts = CASE %s WHEN '' THEN 0 ELSE attempts END WHERE id = %s",
            (wait, fault[:500], fault, batch.id),
        )


def unsent(context: Context, batch: Batch, fault: str, wait: timedelta, not_ours: str = "") -> None:
    """Have a batch sent again: its provider began none of it, or what was taken for it was another's."""
    with context.database.tenant_tx(batch.tenant_id) as connection:
        connection.execute(
            "UPDATE model_batch_question SET state = 'waiting' WHERE batch_id = %s AND state = 'sent'"
            " AND call IS NOT NULL",
            (batch.id,),
        )
        fail_all(connection, batch.id, fault, may_be_paid=False, states=("sent",))
        connection.execute(
            "UPDATE model_batch SET state = 'formed', remote_id = '', is_found = false, fault = %(fault)s,"
            " attempts = CASE %(other)s WHEN '' THEN 0 ELSE 1 END,"
            " begun_at = CASE %(other)s WHEN '' THEN NULL ELSE begun_at END,"
            " not_ours = array_remove(not_ours || %(other)s::text, ''), leased_until = now(),"
            " next_at = now() + %(wait)s WHERE id = %(id)s",
            {"fault": fault, "other": not_ours, "wait": wait, "id": batch.id},
        )


def end_without(context: Context, batch: Batch, fault: str, state: str, *, may_be_paid: bool = False) -> None:
    """Note that no more answers come of a batch: `collected`, what is left of it at its provider is removed next, or
    `closed`."""
    with context.database.tenant_tx(batch.tenant_id) as connection:
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
