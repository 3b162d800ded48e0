"""Whether the broker stores and confirms, for the readiness of the process."""

from __future__ import annotations

import asyncio
import time

from opsintel.errors import OpsintelError

DEADLINE_SECONDS = 1.0
KEPT_SECONDS = 10.0
"""Each probe leaves a message for the worker to drop, and everybody may ask: so often is enough."""


class BrokerProbe:
    """Probes the broker of an address when asked, at most once in `KEPT_SECONDS`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()
        self._state = ""
        self._probed_at = -KEPT_SECONDS

    async def state(self) -> str:
        """Return `ok`, or what is wrong in a few words."""
        async with self._lock:
            if time.monotonic() - self._probed_at >= KEPT_SECONDS:
                self._state = await self._probe()
                self._probed_at = time.monotonic()
            return self._state

    async def _probe(self) -> str:
        from opsintel.queue.rabbitmq import probe

        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await asyncio.to_thread(probe, self._url, DEADLINE_SECONDS)
        except TimeoutError:
            return "does not answer in time"
        except OpsintelError:
            return "does not answer"
        return "ok"
