"""Stands before a real server of IMAP, sees every command, and can be told to spoil some.

It ends TLS, since it reads along, and speaks with the server in plain text on this machine. Its refusals are those of
RFC 5530. A command is a line with a tag; literals and IDLE's DONE have none.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

REFUSALS = {
    "limited": b"NO [LIMIT] Too many commands",
    "busy": b"NO [UNAVAILABLE] Try again later",
    "broken": b"NO [SERVERBUG] Internal error occurred",
}
CUT, BYE = "cut", "bye"
_COMMAND = re.compile(rb"([A-Z]{4}\d+) (.*)", re.DOTALL)


class ImapProxy:
    """What was asked, and what is to be spoiled."""

    def __init__(self, listener: socket.socket, target: int, tls: ssl.SSLContext) -> None:
        self.port = listener.getsockname()[1]
        self.commands: list[str] = []
        self.replies: list[tuple[str, bytes]] = []
        """(beginning of a command, what is answered instead of asking the server); `{tag}` stands for its tag."""
        self.silent = False
        self._listener, self._target, self._tls = listener, target, tls
        self._good, self._times, self._fault = 0, 0, ""
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def fail(self, fault: str, after: int = 0, times: int | None = 1) -> None:
        """Spoil `times` commands (None: all) once `after` more were passed on."""
        with self._lock:
            self._fault, self._good, self._times = fault, after, -1 if times is None else times

    def cut(self) -> None:
        """Cut every connection off."""
        for opened in self._sockets:
            _cut(opened)

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                raw = self._listener.accept()[0]
            except OSError:
                return
            self._sockets.append(raw)
            if not self.silent:
                self._start(self._connected, raw)

    def close(self) -> None:
        """Cut everything off and wait for it to end."""
        self.cut()
        for thread in self._threads:
            thread.join()
        for opened in self._sockets:
            opened.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _connected(self, raw: socket.socket) -> None:
        """Pass on what both say, in one thread: TLS takes no reading and writing at once."""
        with (
            suppress(OSError),
            self._tls.wrap_socket(raw, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self._target)) as server,
            DefaultSelector() as selector,
        ):
            self._sockets += [client, server]
            for opened in (client, server):
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(opened, EVENT_READ)
            said = b""
            while True:
                ready = {key.fileobj for key, _ in selector.select(0 if client.pending() else None)}
                if server in ready:
                    answer = server.recv(256 * 1024)
                    client.sendall(answer)
                    if not answer:
                        return
                if client in ready or client.pending():
                    block = client.recv(64 * 1024)
                    if not block:
                        return
                    *lines, said = (said + block).split(b"\n")
                    for line in lines:
                        if not self._taken(line + b"\n", client):
                            server.sendall(line + b"\n")

    def _taken(self, line: bytes, client: ssl.SSLSocket) -> bool:
        """Answer a command that is to be spoiled, and tell whether it was."""
        command = _COMMAND.fullmatch(line)
        if command is None:
            return False
        tag, text = command.group(1), command.group(2).decode("utf-8", "replace").strip()
        with self._lock:
            self.commands.append(text)
            scripted = next((reply for start, reply in self.replies if text.startswith(start)), None)
            is_spoiled = self._good == 0 and self._times != 0
            self._good = max(0, self._good - 1)
            self._times -= is_spoiled and self._times > 0
        if is_spoiled and self._fault == CUT:
            _cut(client)
            return True
        if is_spoiled and self._fault == BYE:
            client.sendall(b"* BYE [UNAVAILABLE] The server is going down\r\n")
            _cut(client)
            return True
        answer = REFUSALS[self._fault].join((b"{tag} ", b"\r\n")) if is_spoiled else scripted
        if answer is not None:
            client.sendall(answer.replace(b"{tag}", tag))
        return answer is not None


def _cut(connection: socket.socket) -> None:
    """End a connection whatever thread uses it: below TLS, which has no word for it."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


@contextmanager
def imap_proxy(target: int, certificate: Path, key: Path) -> Iterator[ImapProxy]:
    """Yield a proxy before a server's port for plain text; it is gone at the end."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = ImapProxy(listener, target, tls)
        thread = threading.Thread(target=proxy.serve)
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            proxy.close()
