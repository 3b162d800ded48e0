"""A real redis-server as the tests' own child, and an address that takes connections and never answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.catalogue import REDIS
from tests.peers.child import ChildServer

PASSWORD = "a-password-of-the-tests"


class RedisServer(ChildServer):
    """The server; nothing in it outlives it."""

    def __init__(self, folder: Path, *options: str) -> None:
        """`options` are further ones of its command line."""
        super().__init__(folder)
        self._options = options

    @property
    def address(self) -> str:
        """Its address, as REDIS_ADDR has it."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of an installation that uses it."""
        return {"REDIS_ADDR": self.address, "OPSINTEL_REDIS_PASSWORD": PASSWORD}

    def start(self) -> None:
        """Start it, and return once it takes connections."""
        command = (
            REDIS.required_path(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder),
            "--save", "", "--appendonly", "no", "--requirepass", PASSWORD, *self._options,
        )  # fmt: skip
        self.run(*command)


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[RedisServer]:
    """Yield a server that runs; it is gone at the end."""
    server = RedisServer(folder, *options)
    try:
        server.start()
        yield server
    finally:
        server.kill()


class Silent:
    """Takes connections and never answers; counts them."""

    def __init__(self, listener: socket.socket) -> None:
        self.connections: list[socket.socket] = []
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener

    def accept(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                self.connections.append(self._listener.accept()[0])
            except OSError:
                return


@contextmanager
def silent_server() -> Iterator[Silent]:
    """Yield a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = Silent(listener)
        thread = threading.Thread(target=silent.accept)
        thread.start()
        try:
            yield silent
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in silent.connections:
                connection.close()
