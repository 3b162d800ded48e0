"""Readers that die: a process that waits for work, and does each piece in a child of its own.

`python -m tests.providers.reader` takes a JSON object a line (see `Work`) and answers with the number that the child
ended with: 0, or -9 where it killed itself at the place that the work names. Children are forks, so that one costs a
tenth of a second and not the start of a program; the parent has no threads and no connections.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from opsintel.connectors import registry
from opsintel.connectors.imap import reading
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.settings import load_settings
from opsintel.sources import credentials
from opsintel.sources.connection import SourceConnection
from opsintel.sources.source import find_source
from opsintel_pipeline.ingest import feed, pages
from opsintel_pipeline.worker import polling
from tests.providers.account import PAGE
from tests.providers.product import NoLimits

Place = Literal["before", "within", "after", "token", "never"]
"""Where it dies: before a page is stored, with all of it written and not committed, after the commit; with a new
token in hand that is not committed; not at all."""


@dataclass(frozen=True)
class Work:
    """A source that is to be read, and where its reader dies: at which page, counted from 1."""

    tenant: str
    source: str
    place: Place
    page: int = 1


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(work: Work) -> None:
    """Have this process die where the work says."""
    count = 0
    store, announce, encode = feed.store_page, pages.announce_days, credentials._encoded

    def stored(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == work.page and work.place == "before":
            _die()
        result = store(*arguments)
        if count == work.page and work.place == "after":
            _die()
        return result

    def announced(*arguments: Any) -> None:
        announce(*arguments)
        if count == work.page and work.place == "within":
            _die()

    def encoded(credential: Any) -> bytes:
        if work.place == "token":
            _die()
        return encode(credential)

    feed.store_page, pages.announce_days, credentials._encoded = stored, announced, encoded


def _read(work: Work, environment: dict[str, str], certificate: str) -> None:
    reading.PAGE_ITEMS = PAGE
    SourceConnection.wait = lambda *_: None  # type: ignore[method-assign]
    if certificate:
        SourceConnection.trust = ssl.create_default_context(cafile=certificate)
    settings = load_settings(environment)
    assert settings.db_url is not None
    _arm(work)
    with Database(settings.db_url) as database:
        context = Context(database, open_objects(settings), settings)
        context.__dict__["coordinator"] = NoLimits(database)
        source = find_source(database, UUID(work.tenant), UUID(work.source))
        polling.attempt(context, source, "read", lambda: polling.read_source(context, source, threading.Event()),
                        threading.Event())  # fmt: skip


def _serve() -> None:
    for manifest in registry.all_manifests():
        registry.connector_class(manifest.kind)
    for line in sys.stdin:
        given = json.loads(line)
        child = os.fork()
        if child == 0:
            _read(Work(**given["work"]), given["environment"], given["certificate"])
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class Readers:
    """The process that waits for work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def read(self, work: Work, environment: dict[str, str], certificate: Path | None) -> int:
        """Have a source read and return what its reader ended with."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = {"work": asdict(work), "environment": environment, "certificate": str(certificate or "")}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def running_readers() -> Iterator[Readers]:
    """Yield readers; they are gone at the end."""
    command = [sys.executable, "-m", "tests.providers.reader"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Readers(process)
        finally:
            process.kill()


if __name__ == "__main__":
    _serve()
