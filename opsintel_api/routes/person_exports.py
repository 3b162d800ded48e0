"""Exports of what is stored of a person: asked for, followed as a job, fetched for seven days."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from opsintel.access.audit import Entry, Subject, record_async
from opsintel.crypto.keyring import opened
from opsintel.crypto.master import MasterKeys
from opsintel.ids import new_id
from opsintel.people.sealed import opened_file
from opsintel_api.models.jobs import Job
from opsintel_api.models.person_exports import (
    PersonExport,
    PersonExportPage,
    PersonExportParameters,
    PersonExportRequest,
)
from opsintel_api.people import require_known
from opsintel_api.problems import RequestProblem, not_found, responses
from opsintel_api.reading import Reader, Reading, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.routes.jobs import ACCEPTED, accepted

routes = protected_router("people")

ZIP = "application/zip"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}}
}


@routes.post(
    "/person-exports",
    response_model=Job,
    status_code=202,
    responses=ACCEPTED,
    dependencies=[WITHOUT_PARAMETERS],
)
async def start_person_export(reader: Reader, asked: PersonExportRequest) -> Response:
    """Have all that is stored of a person put into a file; 202 with the job to follow.

    Job and export have one id. Needs the right to see personal data unmasked too, as has the fetching of the file.
    """
    principal, export_id = reader.principal, new_id()
    async with reader.transaction() as connection:
        await require_known(connection, asked.subject)
        await connection.execute(
            statement("person_export_start"), principal.tenant_id, export_id, json.dumps(asked.subject.wanted()),
            principal.actor.kind, principal.actor.id,
        )  # fmt: skip
        job = await connection.fetchval(
            statement("job_of_kind_start"), principal.tenant_id, export_id, "person_export", "{}",
            *principal.created_by,
        )  # fmt: skip
        await record_async(connection, _entry(reader, "person.export_requested", export_id))
    return accepted(job)


@routes.get("/person-exports", response_model=PersonExportPage)
async def list_person_exports(reader: Reader, parameters: Annotated[PersonExportParameters, Query()]) -> Response:
    """Return exports, latest first; none of them names the person."""
    return reader.answer(await reader.page("person_exports", parameters))


@routes.get(
    "/person-exports/{export_id}",
    response_model=PersonExport,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def get_person_export(reader: Reader, export_id: UUID) -> Response:
    """Return an export with how far it is."""
    return reader.answer(await reader.one("person_export", export_id))


@routes.get(
    "/person-exports/{export_id}/file",
    response_class=StreamingResponse,
    responses={**_FILE, **responses(404, 409, 410)},
    dependencies=[WITHOUT_PARAMETERS],
)
async def get_person_export_file(reader: Reader, export_id: UUID) -> Response:
    """Return the file of an export: a zip archive with JSON lines and a page to read. Each fetch is in the audit log.

    Needs the right to see personal data unmasked too. 409 while it is being made, 410 once its time is over.
    """
    async with reader.transaction() as connection:
        row = await connection.fetchrow(statement("person_export_file"), export_id)
        if row is None:
            raise not_found()
        if row["is_over"]:
            raise RequestProblem(410, "The file was removed; ask for another export")
        if row["state"] != "done":
            raise RequestProblem(409, "The export has failed" if row["state"] == "failed" else "The export is not done")
        # Recorded before it is sent.
        await record_async(connection, _entry(reader, "person.export_fetched", export_id))
    tenant_id, services = reader.principal.tenant_id, reader.services
    sealed_key = [row[name] for name in ("purpose", "sealed", "version", "data_key_id", "wrapped")]
    key = opened(MasterKeys.of(services.settings), tenant_id, row["secret_id"], sealed_key).reveal()
    pieces = opened_file(
        key, tenant_id, export_id, row["size"],
        lambda offset, size: services.objects.get_range(row["object_key"], offset, size),
    )  # fmt: skip
    headers = {
        "Content-Disposition": f'attachment; filename="person-export-{export_id}.zip"',
        "Content-Length": str(row["size"]),
    }
    return StreamingResponse(iterate_in_threadpool(pieces), media_type=ZIP, headers=headers)


def _entry(reader: Reading, action: str, export_id: UUID) -> Entry:
    principal = reader.principal
    return Entry(principal.tenant_id, principal.actor, action, Subject("person_export", str(export_id)))
