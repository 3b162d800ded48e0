"""The whole product as `opsintel up` runs it, and each of its parts alone: for rows about start and memory."""

from __future__ import annotations

import base64
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.measure import descendants
from bench.servers import free_port, listens
from opsintel.db.connect import DatabaseUrls
from opsintel.errors import FatalError

PROGRAM = Path(sys.executable).with_name("opsintel")
LONGEST_SECONDS = 180.0
LOOK_SECONDS = 0.02


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of an installation in a folder, on free ports of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "OPSINTEL_DATA_DIR": str(folder),
        "API_ADDR": f"127.0.0.1:{free_port()}",
        "OPSINTEL_DAGSTER_PORT": str(free_port()),
        "MASTER_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
        "JWT_SECRET": base64.b64encode(bytes(range(48))).decode(),
        "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
    }


@contextmanager
def process(arguments: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program of this Python's folder, silent, and yield it; it is asked to end with the block."""
    started = subprocess.Popen(
        arguments, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def seconds_until(condition: Callable[[], bool], started: subprocess.Popen[bytes], began: float) -> float:
    """Return the seconds from `began` until the condition holds; `FatalError` when the process ends before."""
    while not condition():
        if started.poll() is not None or time.perf_counter() - began > LONGEST_SECONDS:
            raise FatalError(f"A part did not start (exit code {started.poll()})")
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - began


def page_answers(port: int) -> bool:
    """Tell whether a page is served at a port."""
    if not listens(port):
        return False
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_connected(urls: DatabaseUrls, login: str) -> bool:
    """Tell whether a login has a connection: how a part shows that it is at work which serves no port."""
    with psycopg.connect(urls.migration) as connection:
        found = connection.execute("SELECT 1 FROM pg_stat_activity WHERE usename = %s LIMIT 1", (login,)).fetchone()
    return found is not None


def processes_of(started: subprocess.Popen[bytes], folder: Path) -> list[int]:
    """Return all processes of a running stack, those of its embedded server too."""
    server = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    return [*descendants(started.pid), *descendants(server)]
