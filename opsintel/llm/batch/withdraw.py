"""Batches of a tenant that goes: ended and deleted at their providers, as far as these let it."""

from __future__ import annotations

import logging
from dataclasses import replace
from uuid import UUID

from opsintel.context import Context
from opsintel.errors import ConflictError, NotFoundError, SealError
from opsintel.llm.batch.collect import POLL, close, later
from opsintel.llm.batch.order import Step
from opsintel.llm.batch.question import give_up
from opsintel.llm.batch.sent import COLUMNS, Batch, told
from opsintel.llm.call import ModelError
from opsintel.llm.chain import links_of

logger = logging.getLogger(__name__)


def withdraw(context: Context, tenant_id: UUID) -> int:
    """Have the tenant's batches end and be deleted at their providers; returns how many are still there.

    What waits is not sent any more. One that a process has in hand is left to that, and counted; one whose key is
    gone cannot be reached, and is not.
    """
    with context.database.tenant_tx(tenant_id) as connection:
        waiting = connection.execute("SELECT id FROM model_batch_question WHERE state = 'waiting'").fetchall()
        give_up(connection, [row[0] for row in waiting], "withdrawn", may_be_paid=False)
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM model_batch WHERE state IN ('sent', 'collected')"
            " OR (state = 'formed' AND (begun_at IS NOT NULL OR leased_until > now())) ORDER BY id"
        ).fetchall()
        in_hand = {
            row[0] for row in connection.execute("SELECT id FROM model_batch WHERE leased_until > now()").fetchall()
        }
    found = [Batch.of(row) for row in rows]
    return sum(batch.id in in_hand or _is_left(context, batch) for batch in found)


def _is_left(context: Context, batch: Batch) -> bool:
    try:
        with context.database.tenant_tx(batch.tenant_id) as connection:
            (link,) = links_of(connection, [(batch.key_id, batch.model)])
        if link.secret_id is not None:
            context.keyring.open(batch.tenant_id, link.secret_id)
    except (NotFoundError, SealError):
        return False
    batch = replace(batch, link=link)
    try:
        if not batch.remote_id:
            batch = replace(batch, remote_id=told(context, batch, Step.FIND).remote_id, is_found=True)
        is_left = bool(batch.remote_id) and _is_going(context, batch)
    except ModelError as error:
        logger.warning("batch %s is still at its provider: %s", batch.id, error.line())
        is_left = True
    except ConflictError:
        return True
    if is_left:
        later(context, batch, POLL)
    else:
        close(context, batch)
    return is_left


def _is_going(context: Context, batch: Batch) -> bool:
    """Have a batch end or deleted, and tell whether it is still there. One that may be another's is left alone until
    its results, once it has ended, say that it is ours."""
    if batch.is_guess:
        if told(context, batch, Step.LOOK).state == "running":
            return True
        results = told(context, batch, Step.COLLECT).results
        with context.database.tenant_tx(batch.tenant_id) as connection:
            ids = connection.execute("SELECT id FROM model_batch_question WHERE batch_id = %s", (batch.id,)).fetchall()
        if not any(str(row[0]) in results for row in ids):
            return False
    return told(context, batch, Step.REMOVE).state == "running"
