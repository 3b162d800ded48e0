"""A WebSocket (RFC 6455) to an address that a user or provider gave, connected as the guarded client connects."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from opsintel.errors import AddressError, UnavailableError
from opsintel.net.client import USER_AGENT, public_trust
from opsintel.net.connect import guarded_connect
from opsintel.net.policy import Policy
from opsintel.net.transport import checked_origin, translated

_SCHEMES = {"wss": "https", "ws": "http"}


class GuardedWebSocket:
    """An open connection, for one thread. It answers pings, and closes when the other side stops answering its own."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.is_closed = False

    def receive(self, seconds: float) -> str | None:
        """Return the next text; None when none comes in so many seconds, or none will (`is_closed`)."""
        try:
            message = self._connection.recv(timeout=seconds)
        except TimeoutError:
            return None
        except ConnectionClosed:
            self.is_closed = True
            return None
        return message if isinstance(message, str) else message.decode("utf-8", "replace")

    def send(self, text: str) -> None:
        """Send a text; `UnavailableError` when the connection is closed."""
        try:
            self._connection.send(text)
        except ConnectionClosed:
            self.is_closed = True
            raise UnavailableError("The server closed the connection") from None


@contextmanager
def open_websocket(url: str, policy: Policy, tls: ssl.SSLContext | None = None) -> Iterator[GuardedWebSocket]:
    """Open a connection to a `wss://` address, or `ws://` of a local server that the policy allows, for a block.

    Raises `AddressError` for an address that is refused, `UnavailableError` when nobody answers there, or not as a
    WebSocket.
    """
    scheme, colon, rest = url.partition(":")
    if scheme.lower() not in _SCHEMES:
        raise AddressError("The address must begin with wss://")
    with translated():
        address = httpx.URL(f"{_SCHEMES[scheme.lower()]}{colon}{rest}")
    origin = checked_origin(address, replace(policy, schemes=frozenset({"https"})))
    is_secure = origin.scheme == b"https"
    connected = guarded_connect(origin.host.decode(), origin.port, policy)
    with connected, ExitStack() as stack:
        try:
            opening = connect(
                f"{scheme.lower()}:{rest}",
                sock=connected,
                ssl=(tls or public_trust()) if is_secure else None,
                server_hostname=origin.host.decode() if is_secure else None,
                proxy=None,
                compression=None,
                user_agent_header=USER_AGENT,
                open_timeout=policy.connect_seconds,
                close_timeout=policy.connect_seconds,
                max_size=policy.max_body_bytes,
            )
            connection = stack.enter_context(opening)
        except InvalidURI:
            raise AddressError("This is not an address of a server") from None
        except (InvalidHandshake, OSError, EOFError, ValueError):  # ValueError: it would lead to another server
            raise UnavailableError("The server does not answer as a WebSocket") from None
        yield GuardedWebSocket(connection)
