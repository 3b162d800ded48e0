"""By which names and from which sites requests may come: the Host header, other sites' pages, CORS."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from opsintel.settings import Settings

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  compared, not listened on
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""

OWN_SITES = ("same-origin", "none")
"""What Sec-Fetch-Site says of our own pages, and of addresses that a person typed (W3C Fetch Metadata)."""

ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-ID, X-Requested-With"
ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
SHOWN_HEADERS = "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
PREFLIGHT_SECONDS = 600

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class Origins:
    """What an installation is reached by, and the sites of others that may use it from a browser."""

    hosts: frozenset[str] = LOOPBACK
    """Names in a Host header, without the port."""
    own: frozenset[str] = frozenset()
    """Origins of our own pages, as browsers write them."""
    others: frozenset[str] = field(default_factory=frozenset)
    """Origins of other sites whose pages may send requests and read answers."""

    @classmethod
    def of(cls, settings: Settings) -> Origins:
        """Return what the settings say: this machine, the public address, the address that is listened on."""
        names, own = set(LOOPBACK), frozenset[str]()
        if settings.public_url is not None:
            names.add(_bracketed(urlsplit(settings.public_url).hostname or ""))
            own = frozenset({_origin(settings.public_url)})
        if settings.api_host not in ANY_ADDRESS:
            names.add(_bracketed(settings.api_host.lower()))
        return cls(frozenset(names), own, frozenset(settings.allowed_origins))

    def are_reached_by(self, host: str, local: str = "") -> bool:
        """Tell whether a Host header names us: by a name of ours, or by the `local` address that was connected to.

        A page of another site whose name was pointed at this machine (DNS rebinding) comes with that site's name.
        """
        found = _HOST.fullmatch(host.lower())
        return found is not None and (found["name"] in self.hosts or found["name"] == _address(local))

    def is_of_another_site(self, method: str, headers: Headers) -> bool:
        """Tell whether a browser sent a request that changes something from another site's page.

        By Sec-Fetch-Site, and by Origin, which browsers without it send; programs send neither.
        """
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if method in SAFE_METHODS or origin in self.own or origin in self.others:
            return False
        if site is not None and site not in OWN_SITES:
            return True
        return origin is not None and urlsplit(origin).netloc != headers.get("host")

    def permit(self, origin: str | None, headers: MutableHeaders) -> None:
        """Add to an answer what lets a page of an allowed site read it (Fetch standard, section 3.3)."""
        if self.others:
            headers.add_vary_header("Origin")
        if origin in self.others:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Credentials"] = "true"
            headers["Access-Control-Expose-Headers"] = SHOWN_HEADERS

    def preflight(self, method: str, headers: Headers) -> dict[str, str] | None:
        """Return the headers that answer a browser's question before the request; None when it is no such question."""
        asks = method == "OPTIONS" and "access-control-request-method" in headers
        if not asks or headers.get("origin") not in self.others:
            return None
        return {
            "Access-Control-Allow-Methods": ALLOWED_METHODS,
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        }


def given_twice(headers: Headers, names: Collection[str]) -> str | None:
    """Return the first of the names that a request gives more than once."""
    return next((name for name in names if len(headers.getlist(name)) > 1), None)


def _origin(url: str) -> str:
    """Return the origin of an address as browsers write it (RFC 6454 section 6.2)."""
    parts = urlsplit(url)
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{_bracketed(parts.hostname or '')}{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _address(local: str) -> str | None:
    """Return an address as a Host header has it; None for what is no address."""
    try:
        return _bracketed(str(ipaddress.ip_address(local)))
    except ValueError:
        return None
