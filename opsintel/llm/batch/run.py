"""Batches on their way: sent, looked at, collected, removed; each step can be killed and is done again.

A batch is a row before it is sent. Where nobody knows whether it was sent, it is looked for at its provider before it
is sent again; results are told apart by the ids of the questions. No transaction is open while a provider is asked.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from opsintel.context import Context
from opsintel.errors import ConflictError, NotFoundError
from opsintel.llm.batch.collect import POLL, close, collect, end_without, fail_all, later, unsent
from opsintel.llm.batch.form import MAY_WORK, drop_changed, form
from opsintel.llm.batch.order import Step
from opsintel.llm.batch.question import LONGEST
from opsintel.llm.batch.sent import COLUMNS, LEASE, Batch, hold, told
from opsintel.llm.call import Call, Fault, ModelError
from opsintel.llm.chain import links_of
from opsintel.llm.keys import HEALTH_OF, found_ill, found_well, model_servers
from opsintel.llm.sending import permitted, sending_of

logger = logging.getLogger(__name__)

FULL = timedelta(minutes=15)
"""How long a batch waits where the provider says that too much waits there already."""

_PAGE = 100
_TAKES_NO_BATCH = frozenset({Fault.WAY, Fault.MODEL, Fault.LENGTH, Fault.REFUSED})
"""Answers to a submission that another try does not change."""


def advance(context: Context) -> int:
    """Form batches and do one step with each that is due; returns how many."""
    done = form(context.database)
    with context.database.system_tx() as connection:
        due = connection.execute(
            "SELECT tenant_id, id FROM model_batch WHERE state <> 'closed' AND next_at <= now()"
            f" AND leased_until <= now() AND {MAY_WORK} ORDER BY next_at LIMIT %s",
            (_PAGE,),
        ).fetchall()
    for tenant_id, batch_id in due:
        batch = _taken(context, tenant_id, batch_id)
        if batch is not None:
            try:
                _step(context, batch)
            except ConflictError as error:
                logger.warning("batch %s is left: %s", batch.id, error.message)
            done += 1
    return done


def _taken(context: Context, tenant_id: UUID, batch_id: UUID) -> Batch | None:
    """Take a batch in hand and return it; None where another process has it."""
    with context.database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "UPDATE model_batch SET leased_until = now() + %s, attempts = attempts + 1"
            f" WHERE id = %s AND state <> 'closed' AND leased_until <= now() RETURNING {COLUMNS}",
            (LEASE, batch_id),
        ).fetchone()
        if row is None:
            return None
        batch = Batch.of(row)
        try:
            (link,) = links_of(connection, [(batch.key_id, batch.model)])
        except NotFoundError:
            return batch
        return replace(batch, link=link)


def _step(context: Context, batch: Batch) -> None:
    rests_until = batch.link.rests_until if batch.link is not None else None
    if batch.link is None or (_is_overdue(batch) and (rests_until or batch.state == "formed")):
        _abandon(context, batch)
        return
    if rests_until is not None:
        later(context, batch, rests_until - datetime.now(UTC), batch.link.health)
        return
    try:
        match batch.state:
            case "formed":
                _submit(context, batch)
            case "sent":
                _look(context, batch)
            case _:
                _remove(context, batch)
    except ModelError as error:
        if _is_overdue(batch):
            _abandon(context, batch)
        else:
            _put_off(context, batch, error)


def _is_overdue(batch: Batch) -> bool:
    """Tell whether a batch is waited for no longer: once it is sent, from then on."""
    since = batch.created_at if batch.state == "formed" or batch.sent_at is None else batch.sent_at
    return since < datetime.now(UTC) - LONGEST


def _submit(context: Context, batch: Batch) -> None:
    """Send a batch; one that may have been sent before is looked for first."""
    try:
        remote_id = told(context, batch, Step.FIND).remote_id if batch.begun_at is not None else ""
    except ModelError as error:
        _refused(context, batch, error)
        return
    if remote_id:
        _sent(context, batch, remote_id, is_found=True)
        return
    with context.database.tenant_tx(batch.tenant_id) as connection:
        hold(connection, batch)
        assert batch.link is not None
        drop_changed(connection, batch.id)
        if not permitted([batch.link], sending_of(connection), model_servers(context.settings)):
            fail_all(connection, batch.id, "local_only", may_be_paid=False)
        rows = connection.execute(
            "SELECT id, call FROM model_batch_question WHERE batch_id = %s AND state = 'waiting' ORDER BY id",
            (batch.id,),
        ).fetchall()
        connection.execute(
            "UPDATE model_batch SET questions = %s, begun_at = CASE WHEN %s THEN coalesce(begun_at, now()) END"
            " WHERE id = %s",
            (len(rows), bool(rows), batch.id),
        )
    if not rows:
        end_without(context, batch, "", "closed")
        return
    try:
        sent = told(
            context, batch, Step.SUBMIT, {str(question_id): Call.of(json.loads(call)) for question_id, call in rows}
        )
    except ModelError as error:
        if not error.may_be_paid:
            with context.database.tenant_tx(batch.tenant_id) as connection:
                hold(connection, batch)
                connection.execute("UPDATE model_batch SET begun_at = NULL WHERE id = %s", (batch.id,))
        _refused(context, batch, error)
        return
    _sent(context, batch, sent.remote_id)


def _refused(context: Context, batch: Batch, error: ModelError) -> None:
    """End a batch that its provider does not take, unpaid; raises the error where another try may go better."""
    if error.fault not in _TAKES_NO_BATCH or error.may_be_paid:
        raise error
    end_without(context, batch, error.fault.value, "closed")


def _sent(context: Context, batch: Batch, remote_id: str, *, is_found: bool = False) -> None:
    with context.database.tenant_tx(batch.tenant_id) as connection:
        hold(connection, batch)
        connection.execute(
            "UPDATE model_batch_question SET state = 'sent' WHERE batch_id = %s AND state = 'waiting'", (batch.id,)
        )
        connection.execute(
            "UPDATE model_batch SET state = 'sent', remote_id = %s, is_found = %s, sent_at = now(), attempts = 0,"
            " fault = '', leased_until = now(), next_at = now() + %s WHERE id = %s",
            (remote_id, is_found, POLL, batch.id),
        )
        found_well(connection, batch.key_id)


def _look(context: Context, batch: Batch) -> None:
    state = told(context, batch, Step.LOOK).state
    match state:
        case "running" if _is_overdue(batch):
            _abandon(context, batch)
        case "running":
            later(context, batch, POLL)
        case "ended":
            collect(context, batch)
        case "full":
            told(context, batch, Step.REMOVE)
            unsent(context, batch, state, FULL)
        case "refused":
            end_without(context, batch, state, "collected")


def _remove(context: Context, batch: Batch) -> None:
    """Leave nothing of a batch at its provider."""
    if not batch.is_guess and told(context, batch, Step.REMOVE).state == "running":
        later(context, batch, POLL)
    else:
        close(context, batch)


def _put_off(context: Context, batch: Batch, error: ModelError) -> None:
    """Have a batch wait for what is wrong: with the key, or between here and its provider."""
    if error.fault is Fault.MODEL and batch.state == "sent" and batch.is_guess:
        unsent(context, batch, "another's", timedelta(0), not_ours=batch.remote_id)
        return
    if error.fault is Fault.MODEL and batch.state == "sent":
        # Its provider knows it no more: somebody removed it there.
        end_without(context, batch, "gone", "closed", may_be_paid=True)
        return
    if error.fault is Fault.MODEL and batch.state == "collected":
        close(context, batch)
        return
    wait = timedelta(minutes=min(2**batch.attempts, 30)) if error.seconds is None else timedelta(seconds=error.seconds)
    if error.fault in (Fault.CREDENTIAL, Fault.QUOTA):
        with context.database.tenant_tx(batch.tenant_id) as connection:
            found_ill(connection, batch.key_id, HEALTH_OF[error.fault], error.line(), None)
    later(context, batch, wait, error.line())


def _abandon(context: Context, batch: Batch) -> None:
    """Give up a batch whose key is gone, or that was waited for too long; what was sent may be charged for."""
    logger.warning("batch %s is given up: no answer came in time, or its key is gone", batch.id)
    if batch.remote_id and batch.link is not None and not batch.is_guess:
        try:
            told(context, batch, Step.REMOVE)
        except ModelError as error:
            logger.warning("batch %s may still be at its provider: %s", batch.id, error.line())
    was_sent = bool(batch.remote_id) or batch.begun_at is not None
    end_without(context, batch, "abandoned", "closed", may_be_paid=was_sent)
