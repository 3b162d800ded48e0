"""httpx transports that speak only with what their policy allows: a connection for each request, none used again."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from opsintel.errors import AddressError, AnswerError, InputError, UnavailableError
from opsintel.net.content import ACCEPTED, Body
from opsintel.net.deadline import Deadline
from opsintel.net.hosts import canonical_host
from opsintel.net.policy import Policy
from opsintel.net.streams import AsyncGuardedBackend, GuardedBackend

_DEFAULT_PORTS = {"http": 80, "https": 443}
_DECIDED_HERE = frozenset({b"host", b"connection", b"accept-encoding", b"proxy-authorization", b"proxy-connection"})
Headers = list[tuple[bytes, bytes]]


class GuardedTransport(httpx.BaseTransport):
    """The synchronous transport."""

    def __init__(self, policy: Policy, tls: ssl.SSLContext) -> None:
        self._policy, self._tls = policy, tls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, its body still to be read; raises only errors of this product."""
        origin = checked_origin(request.url, self._policy)
        connection = httpcore.HTTPConnection(
            origin,
            ssl_context=self._tls,
            network_backend=GuardedBackend(self._policy, Deadline(self._policy.total_seconds)),
        )
        try:
            with translated():
                answer = connection.handle_request(_core_request(request, origin))
            body = _checked_body(answer, self._policy)
        except BaseException:
            connection.close()
            raise
        return _response(answer, stream=_Stream(answer, connection, body))


class AsyncGuardedTransport(httpx.AsyncBaseTransport):
    """The transport for asyncio."""

    def __init__(self, policy: Policy, tls: ssl.SSLContext) -> None:
        self._policy, self._tls = policy, tls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, its body still to be read; raises only errors of this product."""
        origin = checked_origin(request.url, self._policy)
        deadline = Deadline(self._policy.total_seconds)
        connection = httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._tls, network_backend=AsyncGuardedBackend(self._policy, deadline)
        )
        try:
            with translated():
                answer = await connection.handle_async_request(_core_request(request, origin))
            body = _checked_body(answer, self._policy)
        except BaseException:
            await connection.aclose()
            raise
        return _response(answer, stream=_AsyncStream(answer, connection, body))


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, connection: httpcore.HTTPConnection, body: Body) -> None:
        self._answer, self._connection, self._body = answer, connection, body

    def __iter__(self) -> Iterator[bytes]:
        with translated():
            for data in self._answer.iter_stream():
                yield from self._body.feed(data)
        self._body.finish()

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response, connection: httpcore.AsyncHTTPConnection, body: Body) -> None:
        self._answer, self._connection, self._body = answer, connection, body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with translated():
            async for data in self._answer.aiter_stream():
                for piece in self._body.feed(data):
                    yield piece
        self._body.finish()

    async def aclose(self) -> None:
        await self._answer.aclose()
        await self._connection.aclose()


def checked_origin(url: httpx.URL, policy: Policy) -> httpcore.Origin:
    """Return scheme, host and port of an address if the policy allows them; `AddressError` if not."""
    if url.userinfo:
        raise AddressError("The address holds a user or password", remedy="Give them as credentials")
    try:
        host = canonical_host(url.raw_host.decode())
    except UnicodeEncodeError:  # httpx takes any zone of an IPv6 address (RFC 6874) for one in ASCII
        raise AddressError("The host of the address cannot be used") from None
    port = url.port or _DEFAULT_PORTS.get(url.scheme, 0)
    plain_local = url.scheme == "http" and policy.is_local_server(host, port)
    if url.scheme not in policy.schemes and not plain_local:
        raise AddressError(f"The address must begin with {' or '.join(f'{s}://' for s in sorted(policy.schemes))}")
    return httpcore.Origin(url.scheme.encode(), host.encode(), port)


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the HTTP library into this product's, without a word of what the server sent."""
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        raise AddressError("This is not an address of a server") from None
    except (httpcore.LocalProtocolError, httpx.LocalProtocolError):
        raise InputError("The request cannot be sent: a header holds what no header may") from None
    except (httpcore.TimeoutException, httpx.TimeoutException):
        raise UnavailableError("The server did not answer in time") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.TransportError):
        raise UnavailableError("The server broke off, or answers in a way that is not HTTP") from None


def _core_request(request: httpx.Request, origin: httpcore.Origin) -> httpcore.Request:
    """Return the request with the headers that are decided here; extensions, which could choose another host, go."""
    headers: Headers = [(name, value) for name, value in request.headers.raw if name.lower() not in _DECIDED_HERE]
    headers[:0] = [(b"Host", _host_header(origin)), (b"Accept-Encoding", ACCEPTED), (b"Connection", b"close")]
    url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=request.url.raw_path)
    return httpcore.Request(request.method, url, headers=headers, content=request.stream)


def _host_header(origin: httpcore.Origin) -> bytes:
    host = b"[" + origin.host + b"]" if b":" in origin.host else origin.host
    is_default = origin.port == _DEFAULT_PORTS[origin.scheme.decode()]
    return host if is_default else host + b":" + str(origin.port).encode()


def _checked_body(answer: httpcore.Response, policy: Policy) -> Body:
    headers: Headers = list(answer.headers)
    if sum(len(name) + len(value) + 4 for name, value in headers) > policy.max_header_bytes:
        raise AnswerError(f"The headers of the answer are larger than {policy.max_header_bytes} bytes")
    return Body(policy, ",".join(value.decode("latin-1") for name, value in headers if _is(name, "content-encoding")))


def _response(answer: httpcore.Response, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.Response:
    """Return the answer as httpx has it, less what no longer holds for the decoded body, and less cookies."""
    gone = ("content-encoding", "content-length", "set-cookie")
    headers = [(name, value) for name, value in answer.headers if not any(_is(name, other) for other in gone)]
    return httpx.Response(answer.status, headers=headers, stream=stream)


def _is(name: bytes, other: str) -> bool:
    return name.lower() == other.encode()
