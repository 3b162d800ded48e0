"""Erasures that were asked for, one after the other: taken in hand, done, put off where something is away."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.errors import DatabaseError, InputError
from opsintel.people.requests import TENANT, find_erasure, give_up, put_off, take_erasure, waiting_erasures
from opsintel_pipeline.erasure.foresight import foresee, require_unchanged
from opsintel_pipeline.erasure.person import erase_person
from opsintel_pipeline.erasure.tenant import erase_tenant
from opsintel_pipeline.erasure.work import LEASE
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
PAUSE = timedelta(minutes=1)
ATTEMPTS = 20


def run(context: Context, stop: threading.Event) -> None:
    """Do what is asked for until `stop` is set."""
    while not stop.is_set():
        try:
            waiting = waiting_erasures(context.database)
            for tenant_id, erasure_id in waiting:
                try_erasure(context, tenant_id, erasure_id)
        except (psycopg.Error, DatabaseError) as error:
            logger.warning("erasures wait: %s", describe(error, context.settings))
        stop.wait(IDLE_SECONDS)


def try_erasure(context: Context, tenant_id: UUID, erasure_id: UUID) -> None:
    """Do an erasure; where that fails it says why, and is tried again later."""
    try:
        perform(context, tenant_id, erasure_id)
    except STAGE_FAULTS as error:
        if isinstance(error, DatabaseError):
            raise
        line = describe(error, context.settings)
        logger.warning("erasure %s waits: %s", erasure_id, line)
        with context.database.tenant_tx(tenant_id) as connection:
            put_off(connection, erasure_id, line, PAUSE, ATTEMPTS)


def perform(context: Context, tenant_id: UUID, erasure_id: UUID) -> dict[str, object] | None:
    """Do an erasure now and return its receipt; None when another process has it in hand, or did it.

    Raises `InputError` where it cannot be done as it was asked for, and then it is over.
    """
    taken = take_erasure(context.database, tenant_id, erasure_id, LEASE)
    if taken is None:
        return find_erasure(context.database, tenant_id, erasure_id).receipt
    try:
        if taken.dry_run:
            return foresee(context, taken)
        require_unchanged(context, taken)
        return erase_tenant(context, taken) if taken.kind == TENANT else erase_person(context, taken)
    except InputError as error:
        with context.database.tenant_tx(tenant_id) as connection:
            give_up(connection, erasure_id, error.line())
        raise
