"""What surrounds every request: its id, whom it names and where it comes from, a limit on its body, and the headers
that keep browsers safe."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsintel import tracing
from opsintel.ids import new_id
from opsintel.metrics import counted
from opsintel_api import problems
from opsintel_api.origins import Origins, given_twice

MAXIMUM_BODY = 1_000_000
"""Bytes of a request's body."""

API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

TOO_LARGE = f"A body has at most {MAXIMUM_BODY:,} bytes"
TWO_LENGTHS = "A request has Content-Length or Transfer-Encoding, not both"
WRONG_HOST = "The Host header names no address of this installation (OPSINTEL_PUBLIC_URL)"
OTHER_SITE = "A page of another site may not send this (OPSINTEL_ALLOWED_ORIGINS)"
GIVEN_ONCE = (
    "host", "authorization", "content-type", "content-length", "transfer-encoding", "cookie", "origin",
    "sec-fetch-site", "x-requested-with", "idempotency-key",
)  # fmt: skip
"""Headers that two programs would read differently if they were given twice: the first, the last, or both."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def page_policy(script_hashes: Iterable[str]) -> str:
    """Return the Content-Security-Policy of a page: our own files, and the inline scripts of these hashes only."""
    scripts = " ".join(["'self'", *(f"'{value}'" for value in script_hashes)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'self'"
    )


class Envelope:
    """ASGI middleware: gives each request an id, refuses what is ambiguous or another site's, encloses its answer."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; other kinds of traffic are left as they are."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else new_id().hex
        scope.setdefault("state", {})["request_id"] = request_id

        # HEAD is GET without a body (RFC 9110 section 9.3.2), so that no route has to know it.
        without_body = scope["method"] == "HEAD"
        if without_body:
            scope = {**scope, "method": "GET"}
            scope["state"]["without_body"] = True

        began, status = time.perf_counter(), 500
        answered_after: float | None = None  # until the answer begins: a stream of events lasts as long as its reader

        async def enclose(message: Message) -> None:
            nonlocal status, answered_after
            if message["type"] == "http.response.start":
                status, answered_after = message["status"], time.perf_counter() - began
                answered = MutableHeaders(scope=message)
                _enclose(answered, scope)
                self._origins.permit(headers.get("origin"), answered)
            elif without_body:
                message = {**message, "body": b""}
            await send(message)

        with tracing.tracing(request_id if tracing.TRACE_ID.fullmatch(request_id) else ""):
            try:
                await self._answer(scope, receive, enclose)
            finally:
                route = getattr(scope.get("route"), "path", None)
                took = time.perf_counter() - began if answered_after is None else answered_after
                counted.count_request(scope["method"], route, status, took)

    async def _answer(self, scope: Scope, receive: Receive, enclose: Send) -> None:
        headers = Headers(scope=scope)
        if allowed := self._origins.preflight(scope["method"], headers):
            await Response(status_code=204, headers=allowed)(scope, receive, enclose)
        elif refused := self._refusal(scope, headers):
            await problems.response(Request(scope), *refused)(scope, receive, enclose)
        else:
            await self._app(scope, _bounded(receive), enclose)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return status and reason of a request that is refused before anything looks at it."""
        if twice := given_twice(headers, GIVEN_ONCE):
            return 400, f"The header {twice} is given twice"
        if "content-length" in headers and "transfer-encoding" in headers:
            return 400, TWO_LENGTHS
        local, _ = scope.get("server") or ("", None)
        if not self._origins.are_reached_by(headers.get("host", ""), local):
            return 400, WRONG_HOST
        if self._origins.is_of_another_site(scope["method"], headers):
            return 403, OTHER_SITE
        length = headers.get("content-length", "0")
        if not (length.isdecimal() and len(length) < 20 and int(length) <= MAXIMUM_BODY):
            return 413, TOO_LARGE
        return None


def _enclose(headers: MutableHeaders, scope: Scope) -> None:
    headers["X-Request-ID"] = scope["state"]["request_id"]
    if policy := scope["state"].get("rate_limit_policy"):
        headers["RateLimit-Policy"] = policy
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", API_POLICY)
    headers.setdefault("Cache-Control", "no-store")
    if scope.get("scheme") == "https":
        headers["Strict-Transport-Security"] = "max-age=31536000"


def _bounded(receive: Receive) -> Receive:
    """Return `receive` that ends with 413 for a body that names no length and grows too large."""
    read = 0

    async def within_bounds() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MAXIMUM_BODY:
            raise problems.RequestProblem(413, TOO_LARGE)
        return message

    return within_bounds
