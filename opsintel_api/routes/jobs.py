"""Backfills and jobs: checked, written as one row and queued; the pipeline does the work."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query, Response

from opsintel.clock import today
from opsintel.db.listener import CHANGES
from opsintel.ids import new_id
from opsintel.llm import reruns, trials
from opsintel.queue import backfills
from opsintel.queue.backfills import Asker, Backfill
from opsintel_api.models.jobs import (
    BackfillEstimate,
    BackfillParameters,
    BackfillRequest,
    EstimateRequest,
    Job,
    JobPage,
    JobParameters,
)
from opsintel_api.problems import RequestProblem, responses, unprocessable
from opsintel_api.reading import JSON, Reader, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("jobs")

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="The client's own key: the same request with the same key starts one job",
    ),
]
LOCATION = {"Location": {"description": "The job", "schema": {"type": "string"}}}
ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"model": Job, "description": "Accepted", "headers": LOCATION}}


@routes.post(
    "/backfills",
    response_model=BackfillEstimate,
    status_code=200,
    responses=ACCEPTED,
)
async def start_backfill(
    reader: Reader,
    asked: BackfillRequest,
    parameters: Annotated[BackfillParameters, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Run days again from a stage on: 202 with the job to follow; with `estimate=true` only say how much it would be.

    Figures of the dashboard change as days are done. What is stored already is read again from the store; the first
    stage also asks the sources for what is missing. With `anew` what has an analysis gets another; what the ceiling
    leaves undone keeps the one that it has.
    """
    backfill = asked.backfill()
    if fault := backfill.fault(today()):
        raise unprocessable(*fault)
    async with reader.transaction() as connection:
        if idempotency_key and not parameters.estimate:
            known = await _known(connection, reader, backfill, idempotency_key)
            if known is not None:
                return accepted(known)
        days = await _days(connection, backfill)
        if parameters.estimate:
            return _estimate(days)
    started = await asyncio.to_thread(_start, reader, backfill, idempotency_key)
    if started is not None:
        return accepted(await reader.one("job", started.job_id))
    assert idempotency_key is not None  # the same key arrived twice at once
    async with reader.transaction() as connection:
        created = await _known(connection, reader, backfill, idempotency_key)
    assert created is not None
    return accepted(created)


@routes.post("/estimates", response_model=Job, status_code=202, responses=ACCEPTED, dependencies=[WITHOUT_PARAMETERS])
async def estimate_models(reader: Reader, asked: EstimateRequest) -> Response:
    """Have it worked out what the tenant's models would take for these days; 202 with the job. No call is made.

    Its figures: `messages`, those `free` of a call, `calls`, `tokens_in`, `tokens_out`, `seconds`, `cost_micro_usd`
    (millionths of a USD; absent where the price is unknown), and where the provider has batches, their price and hours.
    """
    if fault := Backfill(asked.from_, asked.to).fault(today()):
        raise unprocessable(*fault)
    async with reader.transaction() as connection:
        created = await connection.fetchval(
            statement("job_of_kind_start"),
            reader.principal.tenant_id,
            new_id(),
            trials.ESTIMATE.name,
            json.dumps(trials.estimate_of(asked.from_, asked.to)),
            *reader.principal.created_by,
        )
    return accepted(created)


@routes.get("/jobs", response_model=JobPage)
async def list_jobs(reader: Reader, parameters: Annotated[JobParameters, Query()]) -> Response:
    """Return jobs, latest first, each with how far it is."""
    return reader.answer(await reader.page("jobs", parameters, parameters.state))


@routes.get("/jobs/{job_id}", response_model=Job, responses=responses(404), dependencies=[WITHOUT_PARAMETERS])
async def get_job(reader: Reader, job_id: UUID) -> Response:
    """Return a job with how far it is."""
    return reader.answer(await reader.one("job", job_id))


@routes.post(
    "/jobs/{job_id}/cancel", response_model=Job, responses=responses(404, 409), dependencies=[WITHOUT_PARAMETERS]
)
async def cancel_job(reader: Reader, job_id: UUID) -> Response:
    """Cancel what of a job has not begun, and return it; days in hand are finished, and what is done stays.

    409 for a job that has ended by itself, and for one that is no backfill.
    """
    await reader.one("job", job_id)
    async with reader.transaction() as connection:
        await connection.execute(statement("job_cancel"), job_id)
        await connection.execute("SELECT pg_notify($1, '')", CHANGES)
    body = await reader.one("job", job_id)
    if json.loads(body)["state"] != "cancelled":
        raise RequestProblem(409, "The job has ended, or is none that can be cancelled")
    return Response(body, media_type=JSON)


def _start(reader: Reader, backfill: Backfill, idempotency_key: str | None) -> reruns.Started | None:
    principal = reader.principal
    with reader.services.context.database.tenant_tx(principal.tenant_id) as connection:
        asker = Asker(*principal.created_by, idempotency_key)
        return reruns.start(connection, principal.tenant_id, backfill, asker, principal.actor)


async def _days(connection: Any, backfill: Backfill) -> list[Any]:
    if backfill.sources and await connection.fetchval(statement("missing_sources"), list(backfill.sources)):
        raise unprocessable("sources", "There is no such source")
    days: list[Any] = await connection.fetch(backfills.DAYS, backfill.first, backfill.last, list(backfill.sources))
    if not days:
        raise unprocessable("from", backfills.no_day_between(tuple(await connection.fetchrow(backfills.BOUNDS))))
    return days


async def _known(connection: Any, reader: Reader, backfill: Backfill, key: str) -> str | None:
    """Return the job that the key has started; 422 when that was about something else."""
    row = await connection.fetchrow(
        statement("job_of_key"), *reader.principal.created_by, key, json.dumps(backfill.parameters())
    )
    if row is None:
        return None
    if not row[1]:
        raise unprocessable("Idempotency-Key", "It belongs to another request")
    return str(row[0])


def _estimate(days: list[Any]) -> Response:
    found = BackfillEstimate(
        days=len(days), messages=sum(row[1] for row in days), first_day=days[0][0], last_day=days[-1][0]
    )
    return Response(found.model_dump_json(), media_type=JSON)


def accepted(job: str) -> Response:
    """Return 202 with a job and where to follow it."""
    location = f"/v1/jobs/{json.loads(job)['id']}"
    return Response(job, 202, {"Location": location}, media_type=JSON)
