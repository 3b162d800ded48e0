"""The guarded HTTP client: `open_client(policy)` and `open_async_client(policy)`.

They are httpx clients that speak only with what the policy allows, ignore the environment (proxies, .netrc, bundles of
certificates), keep no cookies, and raise only errors of this product. A redirect is returned as it is; with
`Policy(redirects=n)` at most n are followed, each checked like the first, and what was meant for one server (headers,
body, credentials) never goes to another.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import httpx

from opsintel.errors import AnswerError
from opsintel.net.policy import Policy
from opsintel.net.transport import AsyncGuardedTransport, GuardedTransport, checked_origin, translated

USER_AGENT = "opsintel"
_KEPT_ACROSS_HOSTS = ("accept", "accept-language", "user-agent")
_BECOMES_GET = frozenset({301, 302, 303})


@cache
def public_trust() -> ssl.SSLContext:
    """Return the trust in public certificate authorities, whatever the environment says."""
    return httpx.create_ssl_context(trust_env=False)


def open_client(policy: Policy, tls: ssl.SSLContext | None = None) -> GuardedClient:
    """Return a client for one policy; close it, or use it in `with`."""
    return GuardedClient(policy, tls or public_trust())


def open_async_client(policy: Policy, tls: ssl.SSLContext | None = None) -> AsyncGuardedClient:
    """Return a client for asyncio; close it, or use it in `async with`."""
    return AsyncGuardedClient(policy, tls or public_trust())


class GuardedClient(httpx.Client):
    """httpx.Client whose every request goes through the guard."""

    def __init__(self, policy: Policy, tls: ssl.SSLContext) -> None:
        self._policy = policy
        super().__init__(
            transport=GuardedTransport(policy, tls), trust_env=False, headers={"User-Agent": USER_AGENT}, timeout=None
        )

    def build_request(self, *args: Any, **options: Any) -> httpx.Request:
        """Return a request; `AddressError` for what is no address."""
        with translated():
            return super().build_request(*args, **options)

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Return the answer, after at most the policy's redirects."""
        options["follow_redirects"] = False
        for _ in range(self._policy.redirects + 1):
            with translated():
                response = super().send(request, **options)
            following = next_hop(request, response)
            if self._policy.redirects == 0 or following is None:
                return response
            response.close()
            request, options["auth"] = following, None
        raise AnswerError(f"The server redirects more than {self._policy.redirects} times")


class AsyncGuardedClient(httpx.AsyncClient):
    """httpx.AsyncClient whose every request goes through the guard."""

    def __init__(self, policy: Policy, tls: ssl.SSLContext) -> None:
        self._policy = policy
        super().__init__(
            transport=AsyncGuardedTransport(policy, tls),
            trust_env=False,
            headers={"User-Agent": USER_AGENT},
            timeout=None,
        )

    def build_request(self, *args: Any, **options: Any) -> httpx.Request:
        """Return a request; `AddressError` for what is no address."""
        with translated():
            return super().build_request(*args, **options)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Return the answer, after at most the policy's redirects."""
        options["follow_redirects"] = False
        for _ in range(self._policy.redirects + 1):
            with translated():
                response = await super().send(request, **options)
            following = next_hop(request, response)
            if self._policy.redirects == 0 or following is None:
                return response
            await response.aclose()
            request, options["auth"] = following, None
        raise AnswerError(f"The server redirects more than {self._policy.redirects} times")


def next_hop(request: httpx.Request, response: httpx.Response) -> httpx.Request | None:
    """Return the request a redirect asks for, None when it asks for none; nothing private goes to another origin."""
    if not response.has_redirect_location:
        return None
    with translated():
        url = request.url.join(response.headers["location"]).copy_with(fragment=None)
    if request.url.scheme == "https" and url.scheme != "https":
        raise AnswerError("The server redirects from https to plain text")
    same_origin = _origin(url) == _origin(request.url)
    becomes_get = response.status_code in _BECOMES_GET or not same_origin
    if same_origin and not becomes_get:
        return httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
    dropped = ("content-length", "content-type", "transfer-encoding", "host")
    headers = {
        name: value
        for name, value in request.headers.items()
        if (name in _KEPT_ACROSS_HOSTS if not same_origin else name not in dropped)
    }
    return httpx.Request("HEAD" if request.method == "HEAD" else "GET", url, headers=headers)


def check_address(address: str, policy: Policy) -> None:
    """Raise `AddressError` for what a policy lets nobody connect to, as far as that shows before names are resolved."""
    with translated():
        checked_origin(httpx.URL(address), policy)


def is_same_server(address: str, other: str) -> bool:
    """Tell whether two addresses have scheme, host and port in common; `AddressError` for what is no address."""
    with translated():
        return _origin(httpx.URL(address)) == _origin(httpx.URL(other))


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
