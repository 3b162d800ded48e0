"""What vectors by the tenant's model would cost, before any is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.llm.charge import BYTES_A_TOKEN, TOKENS_AROUND
from opsintel.llm.keys import model_servers
from opsintel.llm.vectors import TEXTS_A_CALL, version_of
from opsintel_pipeline.vectors import kept
from opsintel_pipeline.vectors.by_model import sent

SECONDS_A_CALL = 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the vectors of some days would take. `cost_usd` None: the price of the model is unknown."""

    messages: int
    """Those without a vector of this model."""

    calls: int
    tokens_in: int
    cost_usd: Decimal | None
    minutes: float
    model: str


def estimate(context: Context, tenant_id: UUID, first: date, last: date) -> Estimate:
    """Return what the first model of the chain would take for the messages of these days that it has given no vector.

    Raises `InputError` where the tenant has no such model.
    """
    with context.database.tenant_tx(tenant_id) as connection:
        chain = kept.usable_chain(connection, model_servers(context.settings))
        if not chain:
            raise InputError("The tenant has no model for vectors; the built-in embedder costs nothing")
        rows = connection.execute(
            f"SELECT subject, text {kept.WITHOUT} AND partition_day BETWEEN %(first)s AND %(last)s",
            {"version": version_of(chain[0]), "first": first, "last": last},
        ).fetchall()
    texts = {words for words in (sent(*row) for row in rows) if words}
    calls = -(-len(texts) // TEXTS_A_CALL)
    tokens = sum(len(text.encode("utf-8", "replace")) for text in texts) // BYTES_A_TOKEN + calls * TOKENS_AROUND
    cost = None if chain[0].price is None else chain[0].price.cost(tokens, 0)
    return Estimate(len(rows), calls, tokens, cost, round(calls * SECONDS_A_CALL / 60, 1), chain[0].model)
