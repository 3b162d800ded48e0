"""Alerts: what rests until somebody sees to it, and who has taken note of it."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.alerts.kinds import notable, readable
from opsintel.alerts.store import acknowledge
from opsintel_api.models.alerts import Alert, AlertPage, AlertParameters
from opsintel_api.problems import responses
from opsintel_api.reading import JSON, Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("alerts")


@routes.get("/alerts", response_model=AlertPage)
async def list_alerts(reader: Reader, parameters: Annotated[AlertParameters, Query()]) -> Response:
    """Return the tenant's alerts about what one may read: open ones first, the latest first."""
    name = "alerts" if reader.principal.sources is None else "alerts_limited"
    kinds = readable(reader.principal.scopes)
    return reader.answer(await reader.page(name, parameters, parameters.state, parameters.kind, kinds))


@routes.post(
    "/alerts/{alert_id}/acknowledge",
    response_model=Alert,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def acknowledge_alert(reader: Reader, alert_id: UUID) -> Response:
    """Say that one knows of an alert: who was not told of it yet is not told any more. It stays open.

    409 for one that is resolved. Of several who do so, the first is kept.
    """
    database, principal = reader.services.context.database, reader.principal

    def note() -> None:
        with database.tenant_tx(principal.tenant_id) as connection:
            acknowledge(connection, principal.tenant_id, alert_id, notable(principal.scopes), principal.actor)

    await asyncio.to_thread(note)
    return Response(await reader.one("alert", alert_id), media_type=JSON)
