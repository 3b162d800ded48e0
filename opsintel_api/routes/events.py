"""What changes in the tenant, live: kinds and ids, no text."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Header, Request, Response

from opsintel_api.auth.principal import Authenticated, still_holds
from opsintel_api.models.events import Changes
from opsintel_api.reading import JSON
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.services import services_of
from opsintel_api.streams import MEDIA_TYPE, EventStream, opening, wants_stream

routes = protected_router("events")

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", pattern=r"^[0-9a-f]{32}$", description="`id` of the last event that was received"),
]
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Changes", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
}


@routes.get("/events", response_model=Changes, responses=STREAM, dependencies=[WITHOUT_PARAMETERS])
async def get_events(request: Request, principal: Authenticated, last_event_id: LastEventId = None) -> Response:
    """Return what changes, as server-sent events to who accepts `text/event-stream`: kinds and ids, no text.

    Anyone else gets one answer: whether anything changed since `Last-Event-ID`. A stream ends with the access token;
    go on with a new one and the last id: `reload` says that something was missed.
    """
    changes = services_of(request).changes
    with ExitStack() as held:
        audience = held.enter_context(changes.watched_by(principal))
        if wants_stream(request):
            return EventStream(
                changes,
                audience,
                last=last_event_id,
                may_stay=lambda: still_holds(request, principal),
                held=held.pop_all(),
            )
        state = await changes.state(audience)
    found = Changes.model_validate({"last_event_id": state.mark, "items": [asdict(opening(last_event_id, state.mark))]})
    return Response(found.model_dump_json(), media_type=JSON)
