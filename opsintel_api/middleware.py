"""What surrounds every request: its id, security headers, a limit on its body, the dashboard for other paths."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware

from opsintel_api import problems
from opsintel_api.dashboard import Dashboard

MAX_BODY = 1_000_000
API_PATHS = ("/v1", "/healthz", "/readyz")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9-]{8,64}$")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
Next = Callable[[Request], Awaitable[Response]]


def install(app: FastAPI) -> None:
    """Put the middleware around an application."""
    dashboard = Dashboard()

    async def surround(request: Request, call_next: Next) -> Response:
        given = request.headers.get("x-request-id", "")
        request.state.request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
        response = await _answer(request, call_next, dashboard)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = request.state.request_id
        return response

    app.add_middleware(BaseHTTPMiddleware, dispatch=surround)


async def _answer(request: Request, call_next: Next, dashboard: Dashboard) -> Response:
    path = request.url.path
    if not any(path == prefix or path.startswith(f"{prefix}/") for prefix in API_PATHS):
        if request.method in ("GET", "HEAD"):
            return dashboard.answer(request)
        return problems.response(request, 405, "Only the API takes this", headers={"Allow": "GET, HEAD"})
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY or "transfer-encoding" in request.headers:
        return problems.response(request, 413, f"A body has at most {MAX_BODY} bytes and names its length")
    return await call_next(request)
