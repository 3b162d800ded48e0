"""A day that is analysed anew by batches: how tests begin it, let time pass, and look at what there is."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

from opsintel.context import Context
from opsintel.llm import reruns
from opsintel.llm.batch.run import advance
from opsintel.llm.ceilings import set_budget
from opsintel.llm.parked import resume
from opsintel.queue.backfills import Backfill
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY, connect_model, partition, write
from tests.peers.model_server import ModelServer

PROVIDERS = ["openai", "anthropic", "gemini"]
TEXTS = [
    f"The {thing} fails since the update of our team {number}, please help us, as nobody can work here."
    for number, thing in enumerate(["export", "login", "invoice", "search", "upload", "report", "calendar", "payment"])
] + [
    f"My {thing} {'is lost again and again ' * 500}, so I ask you once more to look into it."
    for thing in ("parcel", "refund")
]  # fmt: skip
"""Ten messages that make three questions: eight short ones, and two long ones."""


def backfill(context: Context, tenant: Tenant, *, batch: bool = True, ceiling: float | None = None) -> UUID:
    """Ask for all of the day anew, and run the stage as the worker does."""
    asked = Backfill(DAY, DAY, "analyses", (), True, None if ceiling is None else Decimal(str(ceiling)), batch)
    with context.database.tenant_tx(tenant.id) as connection:
        started = reruns.start(connection, tenant.id, asked)
    assert started is not None
    return started.job_id


def pass_time(context: Context, tenant: Tenant) -> None:
    """Let the time come that batches wait for, and leases of processes that died run out."""
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE model_batch SET next_at = now(), leased_until = now() WHERE state <> 'closed'")


def step(context: Context, tenant: Tenant) -> None:
    pass_time(context, tenant)
    advance(context)


def to_the_end(context: Context, tenant: Tenant, model: ModelServer) -> None:
    """Do what the worker does until nothing of any batch is left."""
    model.batches.has_ended = True
    for _ in range(12):
        step(context, tenant)
        if not batches(context, tenant, "state <> 'closed'"):
            break
    assert batches(context, tenant, "state <> 'closed'") == []
    resume(context.database)
    run(context, partition(tenant))


def batches(context: Context, tenant: Tenant, where: str = "true") -> list[tuple[Any, ...]]:
    with context.database.tenant_tx(tenant.id) as connection:
        return connection.execute(
            f"SELECT state, questions, answered, failed FROM model_batch WHERE {where} ORDER BY id"
        ).fetchall()


def ledger(context: Context, tenant: Tenant) -> Counter[str]:
    with context.database.tenant_tx(tenant.id) as connection:
        return Counter(row[0] for row in connection.execute("SELECT state FROM model_call"))


def period(context: Context, tenant: Tenant) -> tuple[Decimal, Decimal]:
    with context.database.tenant_tx(tenant.id) as connection:
        row = connection.execute("SELECT sum(spent_usd), sum(reserved_usd) FROM budget_period").fetchone()
    assert row is not None
    return row


def backfill_begun(context: Context, tenant: Tenant, **asked: Any) -> UUID:
    job_id = backfill(context, tenant, **asked)
    run(context, partition(tenant))
    return job_id


def leftovers(context: Context, tenant: Tenant) -> int:
    """Return how many questions are left once all is over."""
    with context.database.tenant_tx(tenant.id) as connection:
        row = connection.execute("SELECT count(*) FROM model_batch_question").fetchone()
    return row[0] if row else 0


def begin(context: Context, tenant: Tenant, model: ModelServer, provider: str, texts: list[str] = TEXTS) -> UUID:
    """Write messages, give the tenant a key, and have the day analysed anew; the stage has been run."""
    write(context, tenant, texts)
    run(context, partition(tenant))
    connect_model(context, tenant, model, provider)
    with context.database.tenant_tx(tenant.id) as connection:
        set_budget(connection, tenant.id, "month", None, Decimal(10))
    return backfill_begun(context, tenant)


def calls_of_their_own(model: ModelServer) -> int:
    """Return how many ordinary calls the server got."""
    ends = ("/chat/completions", "/messages", ":generateContent", "/api/chat")
    return sum(asked.path.endswith(ends) for asked in model.asked)


def submissions(model: ModelServer) -> int:
    """Return how many batches the server was sent."""
    ends = ("/batches", ":batchGenerateContent")
    return sum(asked.method == "POST" and asked.path.endswith(ends) for asked in model.asked)
