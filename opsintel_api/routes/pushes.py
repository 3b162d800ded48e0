"""Where providers, and programs of the tenant's own, send what is new. Their signature is their log-in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Request, Response

from opsintel_api import pushes
from opsintel_api.problems import responses
from opsintel_api.routes import open_router

open_routes = open_router("pushes", "/v1")

_BODY: dict[str, Any] = {
    "requestBody": {"content": {"application/json": {"schema": {}}}, "description": "As the provider signs it"}
}
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The handshake that the provider expects",
        "content": {"text/plain": {"schema": {"type": "string"}}, "application/json": {"schema": {}}},
    },
    202: {"description": "It is kept; what it names is read now"},
}
_KEPT: dict[int | str, dict[str, Any]] = {202: {"description": "The records are kept"}}
_RECORDS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One record, an array of them, or one a line: names as in a file of JSON Lines",
        "content": {
            "application/json": {
                "schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]},
                "example": [
                    {
                        "id": "4711", "created_at": "2026-11-23T09:00:00Z", "author_email": "cara@customer.example",
                        "subject": "Export fails", "text": "The export of the yearly report ends with an error.",
                    }
                ],
            }
        },
    },
    "parameters": [
        {
            "name": name, "in": "header", "required": True, "description": meaning,
            "schema": {"type": "string"},
        }
        for name, meaning in (
            ("webhook-id", "The sender's id of the request: the same again changes nothing"),
            ("webhook-timestamp", "When it is sent, in seconds since 1970; five minutes are allowed"),
            ("webhook-signature", "`v1,` and base64 of HMAC-SHA256 over id, timestamp and body, joined by dots"),
        )
    ],
}  # fmt: skip


@open_routes.post(
    "/push/{source_id}",
    status_code=202,
    response_class=Response,
    responses=_ACCEPTED | responses(401, 404, 413, 429),
    openapi_extra=_BODY,
)
async def receive_push(request: Request, source_id: UUID) -> Response:
    """Accept a push of a source's provider: verified, kept, then answered. One that came before changes nothing."""
    return await pushes.accept(request, source_id)


@open_routes.post(
    "/ingest/{source_id}",
    status_code=202,
    response_class=Response,
    responses=_KEPT | responses(401, 404, 413, 429),
    openapi_extra=_RECORDS,
)
async def ingest_records(request: Request, source_id: UUID) -> Response:
    """Accept records of a program, signed by Standard Webhooks; the source is of the kind `ingest`.

    202 once they are kept. A record that cannot be used is a failure of the source; the others are taken.
    """
    return await pushes.accept(request, source_id, "ingest")
