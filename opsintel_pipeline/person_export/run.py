"""Exports that were asked for, one after the other; files whose time is over are removed."""

from __future__ import annotations

import hashlib
import logging
import threading
from datetime import timedelta
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.errors import DatabaseError, InputError
from opsintel.people.exports import (
    PersonExport,
    expired_exports,
    finish_export,
    give_up_export,
    put_off_export,
    remove_file,
    take_export,
    waiting_exports,
)
from opsintel.people.sealed import PURPOSE, new_key, sealed_file
from opsintel_pipeline.erasure.resolve import person_of
from opsintel_pipeline.person_export.archive import archive_of
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
LEASE = timedelta(minutes=30)
PAUSE = timedelta(minutes=1)
ATTEMPTS = 5
KIND = "exports"
"""Kind of the objects."""


def run(context: Context, stop: threading.Event) -> None:
    """Do what is asked for, and remove what is over, until `stop` is set."""
    while not stop.is_set():
        try:
            work(context)
        except (psycopg.Error, DatabaseError) as error:
            logger.warning("exports wait: %s", describe(error, context.settings))
        stop.wait(IDLE_SECONDS)


def work(context: Context) -> None:
    """Do what waits now, and remove what is over."""
    for tenant_id, export_id in waiting_exports(context.database):
        try_export(context, tenant_id, export_id)
    for tenant_id, export_id in expired_exports(context.database):
        remove_file(context, tenant_id, export_id)


def try_export(context: Context, tenant_id: UUID, export_id: UUID) -> None:
    """Make an export; where that fails it says why, and is tried again later unless it cannot be made at all."""
    taken = take_export(context.database, tenant_id, export_id, LEASE)
    if taken is None:
        return
    try:
        _perform(context, taken)
    except InputError as error:
        with context.database.tenant_tx(tenant_id) as connection:
            give_up_export(connection, export_id, error.line())
    except STAGE_FAULTS as error:
        if isinstance(error, DatabaseError):
            raise
        line = describe(error, context.settings)
        logger.warning("export %s waits: %s", export_id, line)
        with context.database.tenant_tx(tenant_id) as connection:
            put_off_export(connection, export_id, line, PAUSE, ATTEMPTS)


def _perform(context: Context, export: PersonExport) -> None:
    participants = [UUID(one) for one in export.wanted.get("participants", [])]
    person = person_of(
        context, export.tenant_id, address=export.wanted.get("address"), participants=participants, leaves=False
    )
    content, counts = archive_of(context, export.tenant_id, person)
    key = new_key()
    secret_id = Keyring(context.database, MasterKeys.of(context.settings)).store(export.tenant_id, PURPOSE, key)
    sealed = sealed_file(key, export.tenant_id, export.id, content)
    object_key = context.objects.put(export.tenant_id, KIND, sealed)
    file = (object_key, secret_id, len(content), hashlib.sha256(content).digest())
    with context.database.tenant_tx(export.tenant_id) as connection:
        kept = finish_export(connection, export.id, counts, file)
        if not kept:  # an erasure came in between
            connection.execute("DELETE FROM secret WHERE id = %s", (secret_id,))
    if not kept:
        context.objects.delete([object_key])
