"""Sources: connect, change and remove them; what takes longer is a job that the pipeline does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import SecretStr

from opsintel.connectors.registry import connector_class
from opsintel.errors import ConflictError
from opsintel.ids import new_id
from opsintel.sources.connect import Wanted, connect_source, remote_kinds
from opsintel.sources.control import Change, change_source, remove_source
from opsintel.sources.errands import KIND, Errand
from opsintel.sources.oauth import is_offered
from opsintel.sources.source import NEWS
from opsintel_api.models.jobs import Job
from opsintel_api.models.source_control import (
    BackfillOfSource,
    ConnectedSource,
    EstimateParameters,
    FilterOfSource,
    SourceChange,
    SourceDetail,
    SourceKind,
    SourceKindList,
    SourceRequest,
)
from opsintel_api.problems import not_found, responses
from opsintel_api.reading import JSON, Reader, Reading, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.routes.jobs import ACCEPTED, accepted

routes = protected_router("sources")


@routes.get("/source-kinds", response_model=SourceKindList, dependencies=[WITHOUT_PARAMETERS])
async def list_source_kinds(reader: Reader) -> Response:
    """Return the kinds of source that can be connected, each with what its configuration and credential hold."""
    kinds = await asyncio.to_thread(lambda: [_kind(kind, reader) for kind in remote_kinds()])
    return reader.answer(SourceKindList(items=kinds).model_dump_json())


@routes.post(
    "/sources",
    response_model=ConnectedSource,
    status_code=201,
    responses=responses(409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def connect(reader: Reader, asked: SourceRequest) -> Response:
    """Connect a source; it is read at once. The secret of its pushes is shown this once.

    409 where there is one of this name with the same configuration.
    """
    wanted = Wanted(asked.kind, asked.name, asked.config, _revealed(asked.credential), asked.poll_seconds)
    context, principal = reader.services.context, reader.principal
    made = await asyncio.to_thread(connect_source, context, principal.tenant_id, wanted, principal.actor)
    await _wake(reader)
    shown = json.loads(await _detail(reader, made.source.id)) | {"push_secret": made.push_secret}
    return Response(json.dumps(shown), 201, {"Location": f"/v1/sources/{made.source.id}"}, media_type=JSON)


@routes.get(
    "/sources/{source_id}",
    response_model=SourceDetail,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def get_source(reader: Reader, source_id: UUID) -> Response:
    """Return a source with its configuration and how it was last checked."""
    return reader.answer(await _detail(reader, source_id))


@routes.patch(
    "/sources/{source_id}",
    response_model=SourceDetail,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def change(reader: Reader, source_id: UUID, asked: SourceChange) -> Response:
    """Change a source. Another credential or configuration has it read at once, also where it was disabled."""
    wanted = Change(asked.name, asked.config, _revealed(asked.credential), asked.poll_seconds, asked.paused)
    context, principal = reader.services.context, reader.principal
    await asyncio.to_thread(change_source, context, principal.tenant_id, source_id, wanted, principal.actor)
    await _wake(reader)
    return Response(await _detail(reader, source_id), media_type=JSON)


@routes.delete("/sources/{source_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS])
async def remove(reader: Reader, source_id: UUID) -> Response:
    """Destroy a source's credential and read it no more; what it brought stays."""
    principal = reader.principal
    await asyncio.to_thread(remove_source, reader.services.context, principal.tenant_id, source_id, principal.actor)
    return Response(status_code=204)


_ERRAND: dict[str, Any] = {
    "response_model": Job,
    "status_code": 202,
    "responses": ACCEPTED | responses(404, 409),
}


@routes.post("/sources/{source_id}/check", dependencies=[WITHOUT_PARAMETERS], **_ERRAND)
async def check_source(reader: Reader, source_id: UUID) -> Response:
    """Check a source; 202 with the job, whose figures count the verdicts. What was found stands with the source."""
    return await _ask(reader, Errand("check", source_id))


@routes.post("/sources/{source_id}/sync", dependencies=[WITHOUT_PARAMETERS], **_ERRAND)
async def sync_source(reader: Reader, source_id: UUID) -> Response:
    """Read a source now. 409 for one that is paused or disabled."""
    return await _ask(reader, Errand("sync", source_id))


@routes.post("/sources/{source_id}/census", dependencies=[WITHOUT_PARAMETERS], **_ERRAND)
async def count_source(reader: Reader, source_id: UUID) -> Response:
    """Count all of a source by day and fetch what is missing here. 409 for one that is paused or disabled."""
    return await _ask(reader, Errand("census", source_id))


@routes.post("/sources/{source_id}/retry", dependencies=[WITHOUT_PARAMETERS], **_ERRAND)
async def retry_source(reader: Reader, source_id: UUID) -> Response:
    """Try the items again that were set aside after many tries."""
    return await _ask(reader, Errand("retry", source_id))


@routes.put("/sources/{source_id}/filter", dependencies=[WITHOUT_PARAMETERS], **_ERRAND)
async def choose_filter(reader: Reader, source_id: UUID, asked: FilterOfSource) -> Response:
    """Have a source go by a filter, or by none; 202 with the job. It decides what is analysed, never what is deleted.

    The filter is tried at the provider where it holds a block of the provider's own, and what is stored is selected
    anew; nothing is fetched. The figures of the job are the messages that are `selected` and `left_out`, and
    `needs_backfill`: 1 where it selects messages that the provider was never asked for, which a backfill fetches.
    """
    if asked.filter_id is not None:
        await reader.one("filter_selects", asked.filter_id)
    return await _ask(reader, Errand("filter", source_id, filter_id=asked.filter_id))


@routes.post("/sources/{source_id}/backfill", **_ERRAND)
async def backfill_source(
    reader: Reader, source_id: UUID, asked: BackfillOfSource, parameters: Annotated[EstimateParameters, Query()]
) -> Response:
    """Fetch what is missing from a day on; with `estimate=true` only count it: the figures are held, missing, days."""
    return await _ask(reader, Errand("estimate" if parameters.estimate else "backfill", source_id, asked.from_))


async def _ask(reader: Reading, errand: Errand) -> Response:
    principal = reader.principal
    async with reader.transaction() as connection:
        state = await connection.fetchval("SELECT state FROM source WHERE id = $1", errand.source_id)
        if state is None:
            raise not_found()
        if state in ("paused", "disabled") and errand.action not in ("check", "retry", "filter"):
            raise ConflictError(f"The source is {state}", remedy="Resume it, or authorise it again")
        job = await connection.fetchval(
            statement("job_of_kind_start"), principal.tenant_id, new_id(), KIND, json.dumps(errand.parameters()),
            *principal.created_by,
        )  # fmt: skip
        await connection.execute("SELECT pg_notify($1, '')", NEWS)
    return accepted(job)


async def _detail(reader: Reading, source_id: UUID) -> str:
    settings = reader.services.settings
    public, page = settings.public_url, f"{settings.dashboard_url}/sources/?authorise="
    return await reader.one("source_detail", source_id, public and f"{public.rstrip('/')}/v1/push/", page)


async def _wake(reader: Reading) -> None:
    async with reader.transaction() as connection:
        await connection.execute("SELECT pg_notify($1, '')", NEWS)


def _kind(kind: str, reader: Reading) -> SourceKind:
    manifest = connector_class(kind).manifest
    credential = manifest.credential_model
    return SourceKind(
        kind=manifest.kind,
        title=manifest.title,
        summary=manifest.summary,
        config_schema=manifest.config_model.model_json_schema(),
        credential_schema=None if credential is None else credential.model_json_schema(),
        oauth=is_offered(reader.services.settings, manifest),
        push_title=manifest.push_title,
        poll_seconds=manifest.poll_seconds,
    )


def _revealed(given: Mapping[str, SecretStr] | None) -> dict[str, str] | None:
    return None if given is None else {name: value.get_secret_value() for name, value in given.items()}
