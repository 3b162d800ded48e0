"""What the tenant lets go to models: internal notes, and to whose servers."""

from __future__ import annotations

import asyncio

from opsintel.llm.keys import keys_of, model_servers
from opsintel.llm.sending import Sending, idle, sending_of, set_sending
from opsintel_api.models.sending import SendingPolicy, SendingPolicyRequest
from opsintel_api.reading import Reader, Reading
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("personal data")


@routes.get("/policies/sending", response_model=SendingPolicy, dependencies=[WITHOUT_PARAMETERS])
async def get_sending_policy(reader: Reader) -> SendingPolicy:
    """Return what models of the tenant may read, and where they may be."""
    return await asyncio.to_thread(_policy, reader)


@routes.put("/policies/sending", response_model=SendingPolicy, dependencies=[WITHOUT_PARAMETERS])
async def set_sending_policy(reader: Reader, asked: SendingPolicyRequest) -> SendingPolicy:
    """Set what models may read, and where they may be; it holds from the next call on.

    Keys to servers that are not local stay, and are not used while the tenant is local only.
    """
    principal, database = reader.principal, reader.services.context.database

    def write() -> SendingPolicy:
        wanted = Sending(asked.sends_notes, asked.local_only, asked.shares_near_duplicates)
        set_sending(database, principal.tenant_id, wanted, principal.actor)
        return _policy(reader)

    return await asyncio.to_thread(write)


def _policy(reader: Reading) -> SendingPolicy:
    context = reader.services.context
    with context.database.tenant_tx(reader.principal.tenant_id) as connection:
        sending, keys = sending_of(connection), keys_of(connection)
    names = [key.name for key in idle(keys, sending, model_servers(context.settings))]
    return SendingPolicy(
        sends_notes=sending.sends_notes,
        local_only=sending.local_only,
        shares_near_duplicates=sending.shares_near_duplicates,
        idle_keys=names,
    )
