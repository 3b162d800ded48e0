"""What people ask for that is done beside the worker's loop: one after the other, put off where something is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import DatabaseError
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
PAUSE = timedelta(minutes=1)


class PutOff(Protocol):
    """Notes in a row that is in hand why it stopped; it is tried again after a pause, so many times at most."""

    def __call__(
        self, connection: psycopg.Connection, row_id: UUID, error: str, pause: timedelta, most: int, /
    ) -> None:
        """Do so, in the caller's transaction; a row that is over stays so."""
        ...


@dataclass(frozen=True, slots=True)
class Errands:
    """Rows of one table that ask for something, and how it is done."""

    name: str
    """What one of them is called in the log."""

    waiting: Callable[[Database], list[tuple[UUID, UUID]]]
    """Returns (tenant, id) of what waits, or was left by a process that died, oldest first."""

    perform: Callable[[Context, UUID, UUID], object]
    """Takes one in hand and does it; raises `InputError` where it cannot be done at all, and then its row is over."""

    put_off: PutOff
    attempts: int
    """How often one is tried."""

    def run(self, context: Context, stop: threading.Event) -> None:
        """Do what is asked for until `stop` is set."""
        while not stop.is_set():
            try:
                self.work(context)
            except (psycopg.Error, DatabaseError) as error:
                logger.warning("every %s waits: %s", self.name, describe(error, context.settings))
            stop.wait(IDLE_SECONDS)

    def work(self, context: Context) -> None:
        """Do what waits now."""
        for tenant_id, row_id in self.waiting(context.database):
            self.attempt(context, tenant_id, row_id)

    def attempt(self, context: Context, tenant_id: UUID, row_id: UUID) -> None:
        """Do one; where that fails its row says why, and it is tried again later."""
        try:
            self.perform(context, tenant_id, row_id)
        except STAGE_FAULTS as error:
            if isinstance(error, DatabaseError):
                raise
            line = describe(error, context.settings)
            logger.warning("%s %s waits: %s", self.name, row_id, line)
            with context.database.tenant_tx(tenant_id) as connection:
                self.put_off(connection, row_id, line, PAUSE, self.attempts)
