"""Batches of a tenant that goes: ended and deleted at their providers, as far as these let it."""

from __future__ import annotations

import logging
from dataclasses import replace
from uuid import UUID

from opsintel.context import Context
from opsintel.errors import NotFoundError
from opsintel.llm.batch.order import Step
from opsintel.llm.batch.sent import COLUMNS, Batch, told
from opsintel.llm.call import ModelError
from opsintel.llm.chain import links_of

logger = logging.getLogger(__name__)


def withdraw(context: Context, tenant_id: UUID) -> int:
    """Have the tenant's batches end and be deleted at their providers; returns how many are still there.

    One whose key is gone cannot be reached, and is not counted.
    """
    with context.database.tenant_tx(tenant_id) as connection:
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM model_batch WHERE state IN ('sent', 'collected')"
            " OR (state = 'formed' AND attempts > 0) ORDER BY id"
        ).fetchall()
    return sum(_is_left(context, Batch(*row)) for row in rows)


def _is_left(context: Context, batch: Batch) -> bool:
    try:
        with context.database.tenant_tx(batch.tenant_id) as connection:
            (link,) = links_of(connection, [(batch.key_id, batch.model)])
    except NotFoundError:
        return False
    batch = replace(batch, link=link)
    try:
        if not batch.remote_id:
            batch = replace(batch, remote_id=told(context, batch, Step.FIND).remote_id)
        is_left = bool(batch.remote_id) and told(context, batch, Step.REMOVE).state == "running"
    except ModelError as error:
        logger.warning("batch %s is still at its provider: %s", batch.id, error.line())
        return True
    if not is_left:
        with context.database.tenant_tx(batch.tenant_id) as connection:
            connection.execute("UPDATE model_batch SET state = 'closed', closed_at = now() WHERE id = %s", (batch.id,))
    return is_left
