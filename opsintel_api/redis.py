"""Whether Redis answers, for the readiness of the process."""

from __future__ import annotations

import asyncio

from opsintel.errors import OpsintelError
from opsintel.settings import Settings

DEADLINE_SECONDS = 1.0


async def redis_state(settings: Settings) -> str:
    """Return `ok`, or what is wrong in a few words; what Redis does is then done by PostgreSQL."""

    from opsintel.coordination.redis import RedisCoordinator

    def probe() -> None:
        with RedisCoordinator(settings) as redis:
            redis.probe()

    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.to_thread(probe)
    except TimeoutError:
        return "does not answer in time"
    except OpsintelError:
        return "does not answer"
    return "ok"
