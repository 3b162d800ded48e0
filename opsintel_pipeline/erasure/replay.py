"""Erase again, in a restored installation, who was erased after its back-up was made: before anything is served."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.crypto.master import MasterKeys
from opsintel.errors import NotFoundError, SealError
from opsintel.people.payloads import follow_rewrites
from opsintel.people.requests import TENANT, find_erasure, free_erasure, request_erasure
from opsintel.people.suppression import ensure_suppression_key, suppression_key
from opsintel_pipeline.erasure.receipt import LEDGER
from opsintel_pipeline.erasure.run import perform


def replay(context: Context) -> int:
    """Do every erasure of the ledger that the database does not know as done, and return how many.

    Where a tenant was erased, nothing else of it has to be done again.
    """
    with context.database.system_tx() as connection:
        tenants = connection.execute("SELECT id FROM tenant ORDER BY id").fetchall()
    done = 0
    for (tenant_id,) in tenants:
        entries = list(_entries(context, tenant_id))
        of_tenant = [entry for entry in entries if entry["kind"] == TENANT]
        if not of_tenant:
            follow_rewrites(context, tenant_id)
        done += sum(_replay(context, tenant_id, entry) for entry in of_tenant or entries)
    return done


def _entries(context: Context, tenant_id: UUID) -> Iterator[dict[str, Any]]:
    stored = [one for page in context.objects.pages(tenant_id, LEDGER) for one in page]
    entries = [json.loads(context.objects.get_range(one.key, 0, one.size)) for one in stored]
    yield from sorted(entries, key=lambda entry: (entry["requested_at"], entry["erasure"]))


def _replay(context: Context, tenant_id: UUID, entry: dict[str, Any]) -> bool:
    erasure_id = UUID(entry["erasure"])
    try:
        if find_erasure(context.database, tenant_id, erasure_id).state == "done":
            return False
        free_erasure(context.database, tenant_id, erasure_id)
    except NotFoundError:
        _take_over_key(context, tenant_id, entry)
        wanted = {"hashes": entry.get("hashes", [])}
        request_erasure(context.database, tenant_id, entry["kind"], wanted, SYSTEM, erasure_id)
    perform(context, tenant_id, erasure_id)
    return True


def _take_over_key(context: Context, tenant_id: UUID, entry: dict[str, Any]) -> None:
    """Take the tenant's suppression key from the ledger where the back-up is older than the first erasure."""
    if "key" not in entry or suppression_key(context, tenant_id) is not None:
        return
    try:
        key = MasterKeys.of(context.settings).unwrap(tenant_id, UUID(entry["erasure"]), base64.b64decode(entry["key"]))
    except SealError:
        raise SealError(
            "The ledger of erasures does not open",
            remedy="Put the master key of the last erasure into OPSINTEL_PREVIOUS_MASTER_KEYS",
        ) from None
    ensure_suppression_key(context, tenant_id, key)
