"""Service keys: made, listed, rotated, revoked by people; a key reaches none of these routes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Response

from opsintel.access.audit import Entry, Subject, record_async
from opsintel.access.roles import matrix
from opsintel.clock import now
from opsintel_api.auth import keys
from opsintel_api.auth.principal import Principal
from opsintel_api.models.keys import NewServiceKey, RotationRequest, ServiceKey, ServiceKeyList, ServiceKeyRequest
from opsintel_api.problems import RequestProblem, not_found, responses, unprocessable
from opsintel_api.reading import Reader, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("service keys")


@routes.get("/service-keys", response_model=ServiceKeyList, dependencies=[WITHOUT_PARAMETERS])
async def list_service_keys(reader: Reader) -> Response:
    """Return the tenant's service keys, latest first, without their values."""
    return reader.answer(await reader.one("service_keys"))


@routes.post(
    "/service-keys",
    response_model=NewServiceKey,
    status_code=201,
    responses=responses(409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def create_service_key(reader: Reader, asked: ServiceKeyRequest) -> NewServiceKey:
    """Make a service key and return its value, this once; it may do what is named, at most what its maker may."""
    principal = reader.principal
    _require_scopes(principal, asked)
    async with reader.transaction() as connection:
        if asked.source_ids and await connection.fetchval(statement("missing_sources"), asked.source_ids):
            raise unprocessable("source_ids", "There is no such source")
        if await connection.fetchval(statement("service_keys_active")) >= keys.MAXIMUM_KEYS:
            raise RequestProblem(409, f"A tenant has at most {keys.MAXIMUM_KEYS} keys; revoke one first")
        wanted = keys.NewKey(asked.name, asked.scopes, asked.source_ids, timedelta(days=asked.expires_in_days))
        key_id, value = await keys.create(connection, principal.tenant_id, principal.user_id, wanted)
        made = await _key(connection, key_id)
        details = {"scopes": sorted(set(asked.scopes)), "expires_in_days": asked.expires_in_days}
        await _record(connection, principal, "service_key.created", key_id, details)
    return NewServiceKey(key=made, value=value)


@routes.post(
    "/service-keys/{key_id}/rotate",
    response_model=NewServiceKey,
    responses=responses(404, 409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def rotate_service_key(
    reader: Reader, key_id: UUID, asked: Annotated[RotationRequest | None, Body()] = None
) -> NewServiceKey:
    """Give a key another value and return it, this once; the one before is taken for some hours more.

    The key belongs to who rotated it. 409 for one that was revoked.
    """
    principal, wanted = reader.principal, asked or RotationRequest.model_validate({})
    async with reader.transaction() as connection:
        await connection.execute(statement("service_key_lock"), key_id)
        key = await _key(connection, key_id)
        if key.state == "revoked":
            raise RequestProblem(409, "The key was revoked; make another one")
        if not principal.scopes.issuperset(key.scopes):
            raise RequestProblem(403, "The key may do more than you may")
        overlap, lives = timedelta(hours=wanted.overlap_hours), timedelta(days=wanted.expires_in_days)
        value = await keys.rotate(connection, key_id, principal.user_id, overlap=overlap, expires_at=now() + lives)
        rotated = await _key(connection, key_id)
        details = {"overlap_hours": wanted.overlap_hours, "expires_in_days": wanted.expires_in_days}
        await _record(connection, principal, "service_key.rotated", key_id, details)
    return NewServiceKey(key=rotated, value=value)


@routes.delete("/service-keys/{key_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS])
async def revoke_service_key(reader: Reader, key_id: UUID) -> Response:
    """End a key and all its values at once; one that was revoked already stays so."""
    async with reader.transaction() as connection:
        await connection.execute(statement("service_key_lock"), key_id)
        key = await _key(connection, key_id)
        if key.state != "revoked":
            await keys.revoke(connection, key_id)
            await _record(connection, reader.principal, "service_key.revoked", key_id, {})
    return Response(status_code=204)


def _require_scopes(principal: Principal, asked: ServiceKeyRequest) -> None:
    rights = matrix()
    known = rights.of_service_keys if asked.source_ids is None else rights.of_service_keys & rights.of_limited
    if unknown := set(asked.scopes) - known:
        limit = "" if asked.source_ids is None else " that is limited to some sources"
        raise unprocessable("scopes", f"A key{limit} cannot hold {', '.join(sorted(unknown))}")
    if beyond := set(asked.scopes) - principal.scopes:
        raise RequestProblem(403, f"You do not hold {', '.join(sorted(beyond))} yourself")


async def _key(connection: Any, key_id: UUID) -> ServiceKey:
    found = await connection.fetchval(statement("service_key"), key_id)
    if found is None:
        raise not_found()
    return ServiceKey.model_validate(json.loads(found))


async def _record(connection: Any, principal: Principal, action: str, key_id: UUID, details: dict[str, Any]) -> None:
    subject = Subject("service_key", str(key_id))
    await record_async(connection, Entry(principal.tenant_id, principal.actor, action, subject, details))
