"""Ceilings of what calls of models cost, and what they did cost."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.llm.ceilings import remove_budget, set_budget
from opsintel_api.models.common import PageParameters
from opsintel_api.models.usage import Budget, BudgetPage, BudgetRequest, UsagePage, UsageParameters
from opsintel_api.problems import responses, unprocessable
from opsintel_api.reading import JSON, Reader, period_of
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("models")


@routes.get("/usage", response_model=UsagePage)
async def list_usage(reader: Reader, parameters: Annotated[UsageParameters, Query()]) -> Response:
    """Return what calls of models came to in a span of days: by day, source, purpose and model, or by one of them."""
    async with reader.transaction() as connection:
        first, last = await period_of(connection, parameters)
    body = await reader.page(
        "usage", parameters, first, last, parameters.source_id, parameters.purpose, parameters.model,
        parameters.group_by,
    )  # fmt: skip
    return reader.answer(f'{{"period":{{"from":"{first}","to":"{last}"}},{body[1:]}')


@routes.get("/budgets", response_model=BudgetPage)
async def list_budgets(reader: Reader, parameters: Annotated[PageParameters, Query()]) -> Response:
    """Return the tenant's ceilings, latest first, each with what is spent and set aside."""
    return reader.answer(await reader.page("budgets", parameters))


@routes.put("/budgets", response_model=Budget, dependencies=[WITHOUT_PARAMETERS])
async def set_ceiling(reader: Reader, asked: BudgetRequest) -> Response:
    """Set a ceiling, in place of that of the same month, source or backfill; what is spent already counts.

    What was parked is tried again.
    """
    if asked.source_id is not None and asked.job_id is not None:
        raise unprocessable("job_id", "A ceiling is of a source or of a backfill")
    scope = "source" if asked.source_id else "backfill" if asked.job_id else "month"
    database, principal = reader.services.context.database, reader.principal

    def store() -> UUID:
        with database.tenant_tx(principal.tenant_id) as connection:
            return set_budget(
                connection, principal.tenant_id, scope, asked.source_id or asked.job_id,
                Decimal(str(asked.limit_usd)), asked.degrade, degrade_from=asked.degrade_from,
                sample_share=asked.sample_share, actor=principal.actor,
            )  # fmt: skip

    budget_id = await asyncio.to_thread(store)
    return Response(await reader.one("budget", budget_id), media_type=JSON)


@routes.delete("/budgets/{budget_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS])
async def remove_ceiling(reader: Reader, budget_id: UUID) -> Response:
    """Take a ceiling away: from then on nothing holds what it held. What it parked is tried again."""
    database, principal = reader.services.context.database, reader.principal

    def remove() -> None:
        with database.tenant_tx(principal.tenant_id) as connection:
            remove_budget(connection, principal.tenant_id, budget_id, principal.actor)

    await asyncio.to_thread(remove)
    return Response(status_code=204)
