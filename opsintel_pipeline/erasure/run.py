"""Erasures that were asked for: taken in hand, done, or over where they cannot be done."""

from __future__ import annotations

from uuid import UUID

from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.people.requests import TENANT, find_erasure, give_up, put_off, take_erasure, waiting_erasures
from opsintel_pipeline.erasure.work import LEASE
from opsintel_pipeline.worker.errands import Errands

ATTEMPTS = 20


def perform(context: Context, tenant_id: UUID, erasure_id: UUID) -> dict[str, object] | None:
    """Do an erasure now and return its receipt; None when another process has it in hand, or did it.

    Raises `InputError` where it cannot be done as it was asked for, and then it is over.
    """
    # These know every store, and with them all that analyses need: two seconds that no worker has to take to start.
    from opsintel_pipeline.erasure.foresight import foresee, require_unchanged
    from opsintel_pipeline.erasure.person import erase_person
    from opsintel_pipeline.erasure.tenant import erase_tenant

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


ERASURES = Errands("erasure", waiting_erasures, perform, put_off, ATTEMPTS)
