"""The tenant's retention: read, previewed, set; the schedule of retention honours it."""

from __future__ import annotations

from dataclasses import astuple
from typing import Annotated, Any

from fastapi import Query

from opsintel.access.audit import Entry, Subject, record_async
from opsintel.retention import Retention
from opsintel_api.models.retention import PastRetention, RetentionDays, RetentionParameters, RetentionPolicy
from opsintel_api.problems import unprocessable
from opsintel_api.reading import Reader, Reading, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("personal data")


@routes.get("/policies/retention", response_model=RetentionPolicy, dependencies=[WITHOUT_PARAMETERS])
async def get_retention_policy(reader: Reader) -> RetentionPolicy:
    """Return how long the tenant keeps what, and how much is past it."""
    async with reader.transaction() as connection:
        row = await connection.fetchrow(statement("retention"), reader.principal.tenant_id)
        return await _answer(connection, Retention(*row))


@routes.put("/policies/retention", response_model=RetentionPolicy)
async def set_retention_policy(
    reader: Reader, asked: RetentionDays, parameters: Annotated[RetentionParameters, Query()]
) -> RetentionPolicy:
    """Set how long the tenant keeps what, and return how much goes with the next run of the schedule.

    With `preview=true` nothing is set: look at what a shorter retention deletes before you ask for it.
    """
    retention = asked.retention()
    if fault := retention.fault():
        raise unprocessable(*fault)
    if not parameters.preview:
        await _set(reader, asked)
    async with reader.transaction() as connection:
        return await _answer(connection, retention)


async def _set(reader: Reading, asked: RetentionDays) -> None:
    principal, days = reader.principal, asked.model_dump()
    async with reader.services.database.system_tx() as connection:
        await connection.execute(statement("retention_set"), principal.tenant_id, *astuple(asked.retention()))
        entry = Entry(
            principal.tenant_id, principal.actor, "policy.retention_changed", Subject("policy", "retention"), days
        )
        await record_async(connection, entry)


async def _answer(connection: Any, retention: Retention) -> RetentionPolicy:
    row = await connection.fetchrow(
        statement("retention_past"), retention.messages, retention.payload_days, retention.facts, retention.jobs
    )
    return RetentionPolicy(
        message_days=retention.messages,
        raw_payload_days=retention.payloads,
        fact_days=retention.facts,
        job_days=retention.jobs,
        audit_days=retention.audit,
        would_go=PastRetention.model_validate(dict(row)),
    )
