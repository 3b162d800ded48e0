"""The audit log, to be read."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from opsintel_api.models.audit import AuditPage, AuditParameters
from opsintel_api.problems import unprocessable
from opsintel_api.reading import Reader
from opsintel_api.routes import protected_router

routes = protected_router("audit")


@routes.get("/audit", response_model=AuditPage)
async def list_audit_entries(reader: Reader, parameters: Annotated[AuditParameters, Query()]) -> Response:
    """Return what was done in the tenant, by whom and to what, latest first."""
    first, last = parameters.from_, parameters.to
    if first and last and first > last:
        raise unprocessable("from", "It lies after `to`")
    body = await reader.page("audit", parameters, parameters.action, parameters.actor, parameters.subject, first, last)
    return reader.answer(body)
