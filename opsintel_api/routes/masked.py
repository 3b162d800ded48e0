"""The class of every protected route: its answers are masked for whoever may not see personal data."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from opsintel.access.roles import SESSION, matrix
from opsintel_api.auth.principal import principal_of
from opsintel_api.masking import masked_json
from opsintel_api.strict import StrictRoute


class Revealed(Response):
    """An answer that was asked for unmasked, and recorded so."""


class MaskedRoute(StrictRoute):
    """A route whose answer goes through the masks of its model; what is about oneself (`session`) does not."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, which masks what the framework's own one answers."""
        handler = super().get_route_handler()

        async def masked(request: Request) -> Response:
            response = await handler(request)
            if isinstance(response, Revealed | StreamingResponse):
                return response
            if response.body and _is_to_be_masked(request):
                response.body = masked_json(bytes(response.body), self._model_of(response.status_code))
                response.headers["Content-Length"] = str(len(response.body))
            return response

        return masked

    def _model_of(self, status: int) -> Any:
        further = self.responses.get(status, {})
        return further.get("model", self.response_model)


def _is_to_be_masked(request: Request) -> bool:
    if matrix().requirement(request.method, request.scope["route"].path) == SESSION:
        return False
    return principal_of(request).is_masked
