"""The cookie that holds the refresh token: out of reach for scripts and for other sites."""

from __future__ import annotations

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from opsintel_api.auth.sessions import REFRESH_LIFETIME, Grant

COOKIE = "opsintel_refresh"
PATH = "/v1/auth"
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


def set_cookie(request: Request, response: Response, grant: Grant) -> None:
    """Give the browser a refresh token; sent over TLS only, unless the page is plain http on this machine."""
    response.set_cookie(
        COOKIE,
        grant.token,
        max_age=int(REFRESH_LIFETIME.total_seconds()),
        path=PATH,
        secure=needs_tls(request),
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"


def clear_cookie(request: Request, target: Response | HTTPException) -> None:
    """Take the refresh token from the browser."""
    carrier = Response()
    carrier.delete_cookie(COOKIE, path=PATH, secure=needs_tls(request), httponly=True, samesite="strict")
    header = carrier.headers["set-cookie"]
    if isinstance(target, HTTPException):
        target.headers = {**(target.headers or {}), "Set-Cookie": header}
    else:
        target.headers["Set-Cookie"] = header


def needs_tls(request: Request) -> bool:
    """Tell whether cookies of an answer are for TLS only: always, unless the page is plain http on this machine."""
    return not (request.url.scheme == "http" and (request.url.hostname or "") in _LOCAL_HOSTS)
