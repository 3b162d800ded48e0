"""Connected sockets as httpcore wants them, each bound to the deadline and the size of one exchange."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from opsintel.net.connect import guarded_connect, guarded_connect_async
from opsintel.net.deadline import Deadline
from opsintel.net.policy import Policy

_OVERHEAD = 4
"""A server may send this many times the body it is allowed, for chunks and interim answers, and no more."""


class Allowance:
    """Bytes that one exchange may receive, headers and framing included."""

    def __init__(self, policy: Policy) -> None:
        self._left = policy.max_header_bytes + _OVERHEAD * policy.max_body_bytes

    def take(self, count: int) -> None:
        """Count bytes that came; `httpcore.ReadError` when they are too many."""
        self._left -= count
        if self._left < 0:
            raise httpcore.ReadError("too many bytes")


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to what the policy allows, for one exchange."""

    def __init__(self, policy: Policy, deadline: Deadline) -> None:
        self._policy, self._deadline = policy, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a stream to a checked address; the limits are the policy's, whatever the caller asks for."""
        del timeout, local_address, socket_options
        connected = guarded_connect(host, port, self._policy, self._deadline)
        return SocketStream(connected, self._deadline, Allowance(self._policy))


class SocketStream(httpcore.NetworkStream):
    """A blocking socket."""

    def __init__(self, connected: Any, deadline: Deadline, allowance: Allowance) -> None:
        self._socket, self._deadline, self._allowance = connected, deadline, allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes, none at the end."""
        self._socket.settimeout(self._deadline.left(timeout))
        try:
            data: bytes = self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(error) from None
        except OSError as error:
            raise httpcore.ReadError(error) from None
        self._allowance.take(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes."""
        view = memoryview(buffer)
        try:
            while view:
                self._socket.settimeout(self._deadline.left(timeout))
                view = view[self._socket.send(view) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from None
        except OSError as error:
            raise httpcore.WriteError(error) from None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the stream over TLS; the certificate must be that of the name, not of the address."""
        self._socket.settimeout(self._deadline.left(timeout))
        try:
            wrapped = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from None
        except OSError as error:
            self.close()
            raise httpcore.ConnectError(error) from None
        return SocketStream(wrapped, self._deadline, self._allowance)


class AsyncGuardedBackend(httpcore.AsyncNetworkBackend):
    """`GuardedBackend` for asyncio."""

    def __init__(self, policy: Policy, deadline: Deadline) -> None:
        self._policy, self._deadline = policy, deadline

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a stream to a checked address; the limits are the policy's, whatever the caller asks for."""
        del timeout, local_address, socket_options
        connected = await guarded_connect_async(host, port, self._policy, self._deadline)
        reader, writer = await asyncio.open_connection(sock=connected)
        return AsyncSocketStream(reader, writer, self._deadline, Allowance(self._policy))


class AsyncSocketStream(httpcore.AsyncNetworkStream):
    """A socket of asyncio."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deadline: Deadline, allowance: Allowance
    ) -> None:
        self._reader, self._writer = reader, writer
        self._deadline, self._allowance = deadline, allowance

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes, none at the end."""
        try:
            async with asyncio.timeout(self._deadline.left(timeout)):
                data = await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(error) from None
        except OSError as error:
            raise httpcore.ReadError(error) from None
        self._allowance.take(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes."""
        try:
            async with asyncio.timeout(self._deadline.left(timeout)):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from None
        except OSError as error:
            raise httpcore.WriteError(error) from None

    async def aclose(self) -> None:
        """Close the socket at once: a server that does not say goodbye holds nobody up."""
        self._writer.transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Return the stream over TLS; the certificate must be that of the name, not of the address."""
        try:
            async with asyncio.timeout(self._deadline.left(timeout)):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from None
        except OSError as error:
            await self.aclose()
            raise httpcore.ConnectError(error) from None
        return self
