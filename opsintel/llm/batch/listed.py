"""Batches as people look at them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg


@dataclass(frozen=True, slots=True)
class Listed:
    """A batch with what it cost and what is set aside for it; `usd` None: the price is unknown."""

    id: UUID
    provider: str
    model: str
    state: str
    questions: int
    answered: int
    failed: int
    fault: str
    created_at: datetime
    sent_at: datetime | None
    usd: Decimal | None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        moments = {"created_at": self.created_at.isoformat(), "sent_at": self.sent_at and self.sent_at.isoformat()}
        return {
            **asdict(self), "id": str(self.id), **moments, "usd": None if self.usd is None else float(self.usd)
        }  # fmt: skip


def listed(connection: psycopg.Connection, *, everything: bool, most: int) -> tuple[int, list[Listed]]:
    """Return how many questions wait for the next batch, and the latest batches of the transaction's tenant that are
    not over, or all."""
    gathered = connection.execute(
        "SELECT count(*) FROM model_batch_question WHERE state = 'waiting' AND batch_id IS NULL"
    ).fetchone()
    rows = connection.execute(
        "SELECT id, provider, model, state, questions, answered, failed, fault, created_at, sent_at,"
        " (SELECT sum(coalesce(cost_usd, CASE state WHEN 'reserved' THEN reserved_usd END)) FROM model_call"
        "  WHERE model_call.batch_id = model_batch.id)"
        " FROM model_batch WHERE %s OR state <> 'closed' ORDER BY created_at DESC, id DESC LIMIT %s",
        (everything, most),
    ).fetchall()
    return (gathered[0] if gathered else 0), [Listed(*row) for row in rows]
