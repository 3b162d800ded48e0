"""Personal data: the tenant's policy, and messages that are revealed for a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from opsintel.access.audit import Entry, Subject, record_async
from opsintel_api.masking import masked_text
from opsintel_api.models.messages import Message
from opsintel_api.models.personal_data import PersonalDataPolicy, PersonalDataPolicyRequest, RevealRequest
from opsintel_api.problems import responses
from opsintel_api.reading import JSON, Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.routes.masked import Revealed

routes = protected_router("personal data")


@routes.post(
    "/messages/{message_id}/reveal",
    response_model=Message,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def reveal_message(reader: Reader, message_id: UUID, asked: RevealRequest) -> Response:
    """Return a message with the personal data in it, whatever the policy; that, by whom and why is in the audit log."""
    body = await reader.one("message", message_id)
    principal = reader.principal
    # Recorded before it is shown; by the tenant's own transaction, as a limited one only reads.
    subject, details = Subject("message", str(message_id)), {"reason": masked_text(asked.reason)}
    async with reader.services.database.tenant_tx(principal.tenant_id) as connection:
        entry = Entry(principal.tenant_id, principal.actor, "message.revealed", subject, details)
        await record_async(connection, entry)
    return Revealed(body, media_type=JSON)


@routes.get("/policies/personal-data", response_model=PersonalDataPolicy, dependencies=[WITHOUT_PARAMETERS])
async def get_personal_data_policy(reader: Reader) -> PersonalDataPolicy:
    """Return the tenant's policy for personal data in messages."""
    return PersonalDataPolicy.model_validate({"policy": reader.principal.personal_data})


@routes.put("/policies/personal-data", response_model=PersonalDataPolicy, dependencies=[WITHOUT_PARAMETERS])
async def set_personal_data_policy(reader: Reader, asked: PersonalDataPolicyRequest) -> PersonalDataPolicy:
    """Set the tenant's policy; it holds from the next request on."""
    principal, details = reader.principal, dict[str, Any](policy=asked.policy)
    subject = Subject("policy", "personal_data")
    async with reader.services.database.system_tx() as connection:
        await connection.execute(
            "UPDATE tenant SET personal_data = $2 WHERE id = $1", principal.tenant_id, asked.policy
        )
        entry = Entry(principal.tenant_id, principal.actor, "policy.personal_data_changed", subject, details)
        await record_async(connection, entry)
    return PersonalDataPolicy(policy=asked.policy)
