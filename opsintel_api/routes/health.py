"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import asyncio

import asyncpg
from fastapi import Request, Response

from opsintel.errors import OpsintelError
from opsintel_api.models.health import Health, Readiness
from opsintel_api.routes import WITHOUT_PARAMETERS, open_router
from opsintel_api.services import services_of

routes = open_router("health")

DEADLINE_SECONDS = 1.0


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
    """Say whether the database, as the application's role, and the broker where there is one answer within a second."""
    checks = {"database": await _database(request)}
    if (broker := services_of(request).broker) is not None:
        checks["broker"] = await broker.state()
    ready = all(state == "ok" for state in checks.values())
    response.status_code = 200 if ready else 503
    return Readiness(status="ready" if ready else "not_ready", checks=checks)


async def _database(request: Request) -> str:
    try:
        async with asyncio.timeout(DEADLINE_SECONDS), services_of(request).database.system_tx() as connection:
            await connection.fetchval("SELECT 1")
    except TimeoutError:
        return "does not answer in time"
    except (OSError, OpsintelError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return "does not answer"
    return "ok"
