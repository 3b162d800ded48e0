"""A batch as its row says, and the orders that the process which makes calls gets for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.errors import ConflictError, NotFoundError, SealError
from opsintel.llm.batch.order import SECONDS, Order, Step, Told
from opsintel.llm.call import Call, Fault, ModelError
from opsintel.llm.chain import Link

COLUMNS = (
    "tenant_id, id, key_id, provider, base_url, model, state, remote_id, is_found, not_ours, questions, attempts,"
    " begun_at, sent_at, created_at, leased_until"
)
"""The columns of `model_batch` that make one, in order."""

NAMELESS = frozenset({"anthropic"})
"""Providers whose batches have no name of ours: what is found there shows by its results whether it is."""


LEASE = timedelta(seconds=SECONDS + 60)
"""How long a process has a batch in hand, from each step on; after it, it is taken for dead."""


@dataclass(slots=True)
class Lease:
    """Until when the process that has a batch in hand has it: this moment is in the row for as long as it does."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch; `link` is the key that it goes by, None where that is gone."""

    tenant_id: UUID
    id: UUID
    key_id: UUID
    provider: str
    base_url: str
    model: str
    state: str
    remote_id: str
    is_found: bool
    not_ours: list[str]
    questions: int
    attempts: int
    begun_at: datetime | None
    sent_at: datetime | None
    created_at: datetime
    lease: Lease
    link: Link | None = None

    @staticmethod
    def of(row: tuple[Any, ...]) -> Batch:
        """Return the batch of a row with `COLUMNS`."""
        values: list[Any] = [*row[:-1], Lease(row[-1])]
        return Batch(*values)

    @property
    def is_guess(self) -> bool:
        """Whether its `remote_id` may be another's batch, as its provider keeps no name of ours: nothing of that is
        cancelled or deleted."""
        return self.is_found and self.provider in NAMELESS


def hold(connection: psycopg.Connection, batch: Batch) -> None:
    """Keep a batch in hand, in the caller's transaction; raises `ConflictError` where another process took it since."""
    row = connection.execute(
        "UPDATE model_batch SET leased_until = clock_timestamp() + %s WHERE id = %s AND leased_until = %s"
        " RETURNING leased_until",
        (LEASE, batch.id, batch.lease.until),
    ).fetchone()
    if row is None:
        raise ConflictError("Another process has this batch in hand", remedy="It goes on there")
    batch.lease.until = row[0]


def told(context: Context, batch: Batch, step: Step, calls: Mapping[str, Call] | None = None) -> Told:
    """Return what came of a step; raises `ModelError`, and `ConflictError` where another process took the batch.

    While a key is rotated the one before is taken as well.
    """
    assert batch.link is not None
    secrets = [one for one in (batch.link.secret_id, batch.link.previous_secret_id) if one is not None]
    with context.database.tenant_tx(batch.tenant_id) as connection:
        hold(connection, batch)
        known = connection.execute(
            "SELECT remote_id FROM model_batch WHERE key_id = %s AND id <> %s AND remote_id <> '' AND NOT is_found",
            (batch.key_id, batch.id),
        ).fetchall()
    while True:
        try:
            return context.asker.caller.order(
                Order(
                    step, batch.id, batch.provider, batch.link.base_url, batch.model, batch.remote_id, calls or {},
                    batch.questions, batch.begun_at, (*batch.not_ours, *(row[0] for row in known)),
                    context.keyring.open(batch.tenant_id, secrets[0]) if secrets else None,
                )
            )  # fmt: skip
        except (NotFoundError, SealError):
            raise ModelError(Fault.CREDENTIAL, "The key was removed") from None
        except ModelError as error:
            if error.fault is not Fault.CREDENTIAL or len(secrets) < 2:
                raise
            secrets = secrets[1:]
