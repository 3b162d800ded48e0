"""What google-api-python-client sends its requests through: the interface of httplib2 over the guarded client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httplib2

from opsintel.connectors.connection import Budget
from opsintel.connectors.http import ProviderClient

_SENT = frozenset({"content-type", "x-http-method-override", "x-goog-api-client"})
"""Headers of the library that are sent on; others are decided by the client."""


class GuardedHttp:
    """Sends what the library asks for, at so many units of a budget a request."""

    def __init__(self, client: ProviderClient, budget: Budget, units: int) -> None:
        self._client, self._budget, self._units = client, budget, units

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[httplib2.Response, bytes]:
        """Return the answer as httplib2 does. Raises as `ProviderClient.request`."""
        answer = self._client.request(
            method,
            uri,
            budget=self._budget,
            units=self._units,
            content=body.encode() if isinstance(body, str) else body,
            headers={name: value for name, value in (headers or {}).items() if name.lower() in _SENT},
        )
        response = httplib2.Response({**answer.headers, "status": str(answer.status)})
        response.reason = ""
        return response, answer.body
