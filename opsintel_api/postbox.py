"""What is done after the answer: look-ups and mails whose time and outcome must tell the asker nothing.

Kept in the process: who waits for a mail that a crash has taken asks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from opsintel.errors import OpsintelError, RetriableError
from opsintel.mail.letters import Letter
from opsintel.mail.smtp import SmtpServer
from opsintel.settings import Settings

log = logging.getLogger(__name__)

WAITING = 1000
"""Errands that may wait; more are refused, whoever asks."""

WORKERS = 4
ATTEMPTS = 3
PAUSE_SECONDS = 5.0
DRAIN_SECONDS = 5.0

Errand = Callable[[], Awaitable[Letter | None]]
"""Looks something up and returns the letter to send; None for none."""


class Postbox:
    """Runs errands one after the other, and sends what they return."""

    def __init__(self, settings: Settings, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._server = SmtpServer.of(settings)
        self._pause_seconds = pause_seconds
        self._errands: asyncio.Queue[Errand] = asyncio.Queue(WAITING)
        self._workers: list[asyncio.Task[None]] = []

    @property
    def sends(self) -> bool:
        """Whether there is a mail server; without one the operator hands out links."""
        return self._server is not None

    def start(self) -> None:
        """Begin to work."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    def submit(self, errand: Errand) -> None:
        """Take an errand; `RetriableError` while too many wait."""
        try:
            self._errands.put_nowait(errand)
        except asyncio.QueueFull:
            raise RetriableError("Too many mails wait to be sent") from None

    def post(self, letter: Letter) -> None:
        """Take a letter."""

        async def ready() -> Letter:
            return letter

        self.submit(ready)

    def tell_operator(self, command: str, subject: UUID) -> None:
        """Log which command prints a link that no mail server can send. The link itself is in no log."""
        if self._server is None:
            log.warning("no mail server is set: `%s %s` prints the link that was asked for", command, subject)

    async def drain(self) -> None:
        """Return once nothing waits and nothing is in hand."""
        await self._errands.join()

    async def close(self) -> None:
        """End; what waits has a few seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.drain(), DRAIN_SECONDS)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            errand = await self._errands.get()
            try:
                # What goes wrong with one errand must not end those that wait.
                (outcome,) = await asyncio.gather(self._run(errand), return_exceptions=True)
                if isinstance(outcome, OpsintelError):
                    log.error("an errand came to nothing: %s", outcome.line())
                elif outcome is not None:
                    log.error("an errand came to nothing", exc_info=outcome)
            finally:
                self._errands.task_done()

    async def _run(self, errand: Errand) -> None:
        letter = await errand()
        if letter is not None and self._server is not None:
            await self._send(self._server, letter)

    async def _send(self, server: SmtpServer, letter: Letter) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await asyncio.to_thread(server.send, letter)
            except RetriableError:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(self._pause_seconds * attempt)
