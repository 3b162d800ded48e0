"""Exports that were asked for: taken in hand, made, or over where they cannot be made; files whose time is over go."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

from opsintel.context import Context
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.errors import InputError
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
from opsintel_pipeline.worker.errands import Errands

LEASE = timedelta(minutes=30)
ATTEMPTS = 5
KIND = "exports"
"""Kind of the objects."""


def perform(context: Context, tenant_id: UUID, export_id: UUID) -> None:
    """Make an export now; nothing where another process has it in hand, or made it.

    Raises `InputError` where it cannot be made as it was asked for, and then it is over.
    """
    taken = take_export(context.database, tenant_id, export_id, LEASE)
    if taken is None:
        return
    try:
        _make(context, taken)
    except InputError as error:
        with context.database.tenant_tx(tenant_id) as connection:
            give_up_export(connection, export_id, error.line())
        raise


def _make(context: Context, export: PersonExport) -> None:
    # It knows every store, and with them all that analyses need: two seconds that no worker has to take to start.
    from opsintel_pipeline.person_export.archive import archive_of

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


EXPORTS = Errands("export", waiting_exports, perform, put_off_export, ATTEMPTS)
EXPIRED = Errands("expired export", expired_exports, remove_file, put_off_export, ATTEMPTS)
"""Files whose time is over: their rows are done, so what cannot be removed now is tried again at once."""
