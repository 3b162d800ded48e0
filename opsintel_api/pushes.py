"""Pushes of providers: verified on the bytes as they came, stored durably, then answered. Nothing is read here."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from opsintel.clock import now
from opsintel.connectors.contract import Bringing, Connector, Delivery, Pushed
from opsintel.connectors.registry import connector_class
from opsintel.crypto.keyring import opened
from opsintel.crypto.master import MasterKeys
from opsintel.errors import SignatureError
from opsintel.ids import new_id
from opsintel.sources.source import NEWS
from opsintel_api.problems import RequestProblem, not_found
from opsintel_api.reading import statement
from opsintel_api.services import Services, services_of

LONGEST_ID, LONGEST_KEY = 500, 500
MOST_KEYS = 5_000


@dataclass(frozen=True, slots=True)
class Addressed:
    """The source that a push is for, and what proves it."""

    tenant_id: UUID
    source_id: UUID
    kind: type[Connector]
    secret: bytes


async def accept(request: Request, source_id: UUID, kind: str | None = None) -> Response:
    """Return the answer to a push: 202 once it is kept, or the handshake that its provider expects.

    Raises a problem: 404 for no source (of the kind), 401 for what its provider did not sign just now, 422 for what is
    signed and no push, 429 for too many of one source.
    """
    services = services_of(request)
    addressed = await _addressed(services, source_id, kind)
    if refusal := await services.limits.take_push(addressed.tenant_id, source_id):
        raise RequestProblem(429, "Too many pushes of this source; send it again", headers=refusal.headers)
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers[":query"] = request.url.query
    receiver = addressed.kind
    assert issubclass(receiver, Pushed)
    try:
        # It may fetch a provider's keys or take a while to compute: beside the loop.
        received = partial(receiver.receive, headers, body, addressed.secret, now())
        delivery = await asyncio.to_thread(received)
    except SignatureError as error:
        raise RequestProblem(401, error.line()) from None
    if delivery.keys:
        _require_storable(delivery)
        await _store(services, addressed, delivery, body if issubclass(receiver, Bringing) else None)
    if delivery.answer is None:
        return Response(status_code=202)
    return Response(delivery.answer, media_type=delivery.answer_type)


async def _addressed(services: Services, source_id: UUID, kind: str | None) -> Addressed:
    found = await services.database.system_row(
        "SELECT source.tenant_id, source.kind FROM source JOIN tenant ON tenant.id = source.tenant_id"
        " WHERE source.id = $1 AND tenant.suspended_at IS NULL",
        source_id,
    )
    if found is None or kind not in (None, found["kind"]):
        raise not_found()
    receiver = await asyncio.to_thread(connector_class, found["kind"])
    if not issubclass(receiver, Pushed):
        raise not_found()
    async with services.database.tenant_tx(found["tenant_id"]) as connection:
        row = await connection.fetchrow(statement("push_source"), source_id)
    if row is None:
        raise not_found()
    secret = _secret(services, found["tenant_id"], receiver.manifest.push_secret, row)
    return Addressed(found["tenant_id"], source_id, receiver, secret)


def _secret(services: Services, tenant_id: UUID, field: str, row: Any) -> bytes:
    """Return what proves a source's pushes: a field of its credential where the kind says so and it is set."""
    masters = MasterKeys.of(services.settings)

    def open_one(which: str) -> bytes:
        columns = ("purpose", "sealed", "version", "key_id", "wrapped")
        stored = [row[f"{which}_{name}"] for name in columns]
        return opened(masters, tenant_id, row[f"{which}_id"], stored).reveal()

    if field and row["held_id"] is not None:
        given: str = json.loads(open_one("held")).get(field, "")
        if given:
            return given.encode()
    return open_one("own")


def _require_storable(delivery: Delivery) -> None:
    """Refuse what no provider sends and no table should hold."""
    if len(delivery.delivery_id) > LONGEST_ID or len(delivery.keys) > MOST_KEYS:
        raise RequestProblem(413, "A push has too long an id, or names too many items")
    if any(len(key) > LONGEST_KEY or "\0" in key for key in (delivery.delivery_id, *delivery.keys)):
        raise RequestProblem(422, "A push names an item that cannot be one")


async def _store(services: Services, addressed: Addressed, delivery: Delivery, body: bytes | None) -> None:
    """Keep a push; one that came before changes nothing."""
    tenant_id = addressed.tenant_id
    async with services.database.tenant_tx(tenant_id) as connection:
        stored = await connection.fetchval(
            statement("push_store"),
            tenant_id, new_id(), addressed.source_id, delivery.delivery_id, list(delivery.keys), body,
        )  # fmt: skip
        if stored is not None:
            await connection.execute("SELECT pg_notify($1, '')", NEWS)
