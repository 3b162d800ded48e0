"""Erasures of people: a dry run is looked at, then the erasure keeps to it. The pipeline does both."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from opsintel.access.audit import Entry, Subject, record_async
from opsintel.ids import new_id
from opsintel_api.models.erasures import Erasure, ErasurePage, ErasureParameters, ErasureRequest
from opsintel_api.models.jobs import Job
from opsintel_api.models.people import PersonSubject
from opsintel_api.people import require_known
from opsintel_api.problems import RequestProblem, responses, unprocessable
from opsintel_api.reading import Reader, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.routes.jobs import ACCEPTED, accepted

routes = protected_router("people")

CHANGED = "What would be removed has changed since the dry run; make a dry run again"


@routes.post(
    "/erasures",
    response_model=Job,
    status_code=202,
    responses={**ACCEPTED, **responses(409)},
    dependencies=[WITHOUT_PARAMETERS],
)
async def start_erasure(reader: Reader, asked: ErasureRequest) -> Response:
    """Erase a person from every store: first as a dry run, then naming it; 202 with the job to follow.

    The job and the erasure have one id. The job's figures say how much, by store. 409 where the dry run has not ended,
    or what would be removed has changed since; what only a look at every text can tell is found by the worker, and the
    job fails then. The same dry run named again answers with the same job.
    """
    async with reader.transaction() as connection:
        standing = await _standing(connection, reader, asked.subject)
        if asked.dry_run_id is not None:
            known = await _require_dry_run(connection, asked.dry_run_id, standing)
            if known is not None:
                return accepted(known)
        job = await _start(connection, reader, asked, standing)
    return accepted(job)


@routes.get("/erasures", response_model=ErasurePage)
async def list_erasures(reader: Reader, parameters: Annotated[ErasureParameters, Query()]) -> Response:
    """Return erasures and dry runs, latest first; none of them names the person."""
    return reader.answer(await reader.page("erasures", parameters, parameters.dry_run))


@routes.get(
    "/erasures/{erasure_id}", response_model=Erasure, responses=responses(404), dependencies=[WITHOUT_PARAMETERS]
)
async def get_erasure(reader: Reader, erasure_id: UUID) -> Response:
    """Return an erasure or a dry run with its receipt."""
    return reader.answer(await reader.one("erasure", erasure_id))


async def _standing(connection: Any, reader: Reader, subject: PersonSubject) -> bytes:
    """Return the keyed hash of who is meant and of what is stored of them now."""
    await require_known(connection, subject)
    stored = await connection.fetchval(statement("person_standing"), subject.address, subject.participant_id)
    key = reader.services.key_for("erasure standing")
    return hmac.digest(key, json.dumps([subject.wanted(), stored]).encode(), hashlib.sha256)


async def _require_dry_run(connection: Any, dry_run_id: UUID, standing: bytes) -> str | None:
    """Hold a dry run that still says what would be removed; returns the job that keeps to it already."""
    row = await connection.fetchrow(statement("erasure_dry_run"), dry_run_id)
    if row is None:
        raise unprocessable("dry_run_id", "There is no such dry run")
    if row["erasure_id"] is not None:
        job: str | None = await connection.fetchval(statement("job"), row["erasure_id"])
        if job is not None:
            return job
    if row["state"] != "done":
        raise RequestProblem(409, "The dry run has failed" if row["state"] == "failed" else "The dry run has not ended")
    if row["erasure_id"] is not None or not hmac.compare_digest(row["standing"] or b"", standing):
        raise RequestProblem(409, CHANGED)
    return None


async def _start(connection: Any, reader: Reader, asked: ErasureRequest, standing: bytes) -> str:
    """Write the erasure and its job, record who asked, and return the job."""
    principal, erasure_id = reader.principal, new_id()
    await connection.execute(
        statement("erasure_start"), principal.tenant_id, erasure_id, json.dumps(asked.subject.wanted()), asked.dry_run,
        asked.dry_run_id, standing, principal.actor.kind, principal.actor.id,
    )  # fmt: skip
    job: str = await connection.fetchval(
        statement("job_of_kind_start"), principal.tenant_id, erasure_id, "erasure",
        json.dumps({"dry_run": asked.dry_run}), *principal.created_by,
    )  # fmt: skip
    action = "person.erasure_previewed" if asked.dry_run else "person.erasure_requested"
    entry = Entry(principal.tenant_id, principal.actor, action, Subject("erasure", str(erasure_id)))
    await record_async(connection, entry)
    return job
