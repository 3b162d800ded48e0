"""A stubbed network: names resolve as a test says, and connections to any address end at a server of the test.

Nothing is ever sent to another address than 127.0.0.1.
"""

from __future__ import annotations

import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, gaierror, inet_aton, inet_ntoa, socket
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opsintel.net import connect

PUBLIC = "93.184.215.14"
OTHER_PUBLIC = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class Rerouted(socket):
    """A socket to a server of the test that says it leads to the address that was dialled."""

    claimed: tuple[str, int] = ("", 0)

    def getpeername(self) -> tuple[str, int]:
        return self.claimed

    def getsockname(self) -> tuple[str, int]:
        return ("203.0.113.7", 50000)


class Network:
    """What names resolve to, one answer after the other, and where connections really go."""

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.servers: dict[str, int] = {}
        self.looked_up: list[str] = []
        self.dialled: list[tuple[str, int]] = []

    def look_up(self, host: str, port: int) -> list[str]:
        """Answer as the test says; the last answer stays. Numbers resolve as inet_aton reads them, like in glibc."""
        self.looked_up.append(host)
        if host in self.names:
            answers = self.names[host]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if ":" in host:
            return [host]
        try:
            return [inet_ntoa(inet_aton(host))]
        except OSError:
            raise gaierror(-2, "Name or service not known") from None

    def dial(self, address: str, port: int, timeout: float) -> socket:
        """Connect to the server of the test that stands for an address."""
        self.dialled.append((address, port))
        if address not in self.servers:
            raise ConnectionRefusedError(111, "Connection refused")
        rerouted = Rerouted(AF_INET, SOCK_STREAM)
        rerouted.claimed = (address, port)
        rerouted.settimeout(timeout)
        rerouted.connect(("127.0.0.1", self.servers[address]))
        return rerouted


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """The stubbed network in place of the real one."""
    stub = Network()
    monkeypatch.setattr(connect, "look_up", stub.look_up)
    monkeypatch.setattr(connect, "dial", stub.dial)
    return stub


class Exchange:
    """One request as the server of the test received it, and the way to answer."""

    def __init__(self, handler: StreamRequestHandler, sni: str | None) -> None:
        self.sni = sni
        self.line = handler.rfile.readline(65536).decode("latin-1").strip()
        self.headers: dict[str, list[str]] = defaultdict(list)
        while (line := handler.rfile.readline(65536).strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.lower()].append(value.strip())
        self.body = handler.rfile.read(int((self.headers.get("content-length") or ["0"])[0]))
        self._handler = handler

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self._handler.wfile.write(data)

    def answer(self, body: bytes = b"", status: str = "200 OK", **headers: str) -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


Script = Callable[[Exchange], None]


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what is tested."""


@contextmanager
def scripted_server(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[Exchange]]]:
    """Yield the port of a server on 127.0.0.1 that answers each request by the script, and what it received."""
    received: list[Exchange] = []
    names: list[str | None] = []

    class Handler(StreamRequestHandler):
        def setup(self) -> None:
            if tls is not None:
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            exchange = Exchange(self, names[-1] if names else None)
            if exchange.line:
                received.append(exchange)
                script(exchange)

        def finish(self) -> None:
            super().finish()
            self.request.close()

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: names.append(name)
    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1], received
        finally:
            server.shutdown()
            thread.join()


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return TLS of a server with a certificate for one name, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
