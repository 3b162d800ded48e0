"""Servers as processes of their own, asked over one kept connection; their CPU and that of their database backends."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.measure import cpu_seconds
from opsintel.errors import FatalError

START_SECONDS = 60.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Server:
    """A running server: its process, where it listens, and the login of its database connections."""

    process: int
    port: int
    login: str

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        """Yield a kept connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def cpu(self, database: psycopg.Connection) -> float:
        """Return the CPU seconds used so far by the server and by the backends of its login in this database."""
        rows = database.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = %s"
            " AND pid <> pg_backend_pid()",
            (self.login,),
        ).fetchall()
        return cpu_seconds(self.process) + sum(cpu_seconds(row[0]) for row in rows)


@contextmanager
def running(arguments: list[str], environment: Mapping[str, str], port: int, login: str, log: Path) -> Iterator[Server]:
    """Start a program of this Python, wait until its port answers, and yield it; it ends with the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], env=dict(os.environ) | dict(environment), stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
                raise FatalError(f"{' '.join(arguments[:4])} did not start; it said: {said[-1]}")
            time.sleep(LOOK_SECONDS)
        yield Server(process.pid, port, login)
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    """Tell whether something listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def body_of(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> bytes:
    """Return the body of a GET; `FatalError` unless it is 200."""
    connection.request("GET", path, headers=dict(headers))
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise FatalError(f"{path} answers {response.status}: {body[:200]!r}")
    return body
