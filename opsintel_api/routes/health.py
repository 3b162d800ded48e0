"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from fastapi import Request, Response

from opsintel_api.models.health import Health, Readiness
from opsintel_api.readiness import states_of_database
from opsintel_api.redis import redis_state
from opsintel_api.routes import WITHOUT_PARAMETERS, open_router
from opsintel_api.services import services_of

routes = open_router("health")


@routes.get("/healthz", response_model=Health, dependencies=[WITHOUT_PARAMETERS])
async def get_health() -> Health:
    """Say that the process answers."""
    return Health(status="ok")


@routes.get(
    "/readyz",
    response_model=Readiness,
    dependencies=[WITHOUT_PARAMETERS],
    responses={503: {"model": Readiness, "description": "Something it needs does not answer"}},
)
async def get_readiness(request: Request, response: Response) -> Readiness:
    """Say whether what it needs answers within a second: the database, as the application's role, and a broker if any.

    A Redis that is away makes it degraded and not less ready: PostgreSQL does its part.
    """
    services = services_of(request)
    checks = await states_of_database(services.database, services.settings)
    if services.broker is not None:
        checks["broker"] = await services.broker.state()
    ready = all(state == "ok" for state in checks.values())
    if services.settings.redis_addr is not None:
        checks["redis"] = await redis_state(services.settings)
    response.status_code = 200 if ready else 503
    complete = all(state == "ok" for state in checks.values())
    return Readiness(status=("ready" if complete else "degraded") if ready else "not_ready", checks=checks)
