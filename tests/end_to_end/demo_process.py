"""`opsintel demo` as its own processes: started, watched through its database, and killed part by part."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from opsintel.db.embedded import ADMIN, DATABASE, SERVICE, Access, EmbeddedServer
from opsintel.db.engine import Database
from opsintel.tenants import all_tenants
from tests.canonical import Dump, dump

LONGEST_SECONDS = 240.0
POLL_SECONDS = 0.05
COMMAND, RUN, POSTMASTER = "command", "run", "postmaster"

PROGRAMS = {
    "worker": "opsintel_pipeline.worker",
    "api": "opsintel_api",
    "code-server": "opsintel_pipeline.definitions",
    "dagster-daemon": "dagster._daemon",
    "dagster-webserver": "dagster_webserver",
    RUN: "from multiprocessing.spawn import spawn_main",
}
"""Processes beneath the command, by what only their command lines hold."""

VICTIMS = (COMMAND, *PROGRAMS, POSTMASTER)


@dataclass(frozen=True)
class Moment:
    """The moment when more than a share of all the rows that a table will have are there."""

    table: str
    share: float


@dataclass(frozen=True)
class Appearance:
    """The moment when a name appears in the data folder."""

    name: str


@dataclass(frozen=True)
class Outcome:
    """What a demo printed, and the canonical rows of each tenant."""

    summary: Mapping[str, object]
    dumps: Mapping[str, Dump]


class DemoProcess:
    """A demo on a folder of its own; starting it again goes on where it stopped."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self.data_dir = folder / "demo"
        self._folder = folder
        self._ports = (free_port(), free_port())
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: psycopg.Connection | None = None

    def start(self) -> None:
        """Start the command; it ends by itself once everything is worked through."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with (self._folder / "out.json").open("wb") as out, (self._folder / "err.txt").open("ab") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "opsintel.cli.main", "demo", "--exit", "--json",
                 "--port", str(self._ports[0]), "--dagster-port", str(self._ports[1])],
                env=kept | {"OPSINTEL_DATA_DIR": str(self._folder), "OPSINTEL_EMBEDDING_DOWNLOAD": "false"},
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip

    def finish(self) -> Outcome:
        """Wait until the command has ended well, and return what it made."""
        self.wait_until(lambda: self._command().poll() is not None, "end")
        self._disconnect()
        assert self._command().returncode == 0, self._said()
        summary = json.loads((self._folder / "out.json").read_bytes())
        with EmbeddedServer(self.data_dir).use() as access, Database(access.url(SERVICE, DATABASE)) as database:
            return Outcome(summary, {tenant.slug: dump(database, tenant) for tenant in all_tenants(database)})

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition; fails, with what the command said, when it takes too long or the command ends."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while not condition():
            ended = self._command().poll() is not None and not condition()
            assert not ended, f"the demo ended and did not {what}\n{self._said()}"
            assert time.monotonic() < deadline, f"the demo did not {what}\n{self._said()}"
            time.sleep(POLL_SECONDS)

    def wait_for(self, moment: Moment | Appearance, totals: Mapping[str, int]) -> None:
        """Wait for a moment, given how many rows each table will have."""
        if isinstance(moment, Appearance):
            return self.wait_until((self.data_dir / moment.name).exists, f"make {moment.name}")
        enough = moment.share * totals[moment.table]
        return self.wait_until(lambda: self._rows(moment.table) > enough, f"reach {moment}")

    def kill(self, victim: str) -> None:
        """Kill one of its processes as soon as that is there; with the command its programs die too."""
        self.wait_until(lambda: self._pid(victim) is not None, f"start {victim}")
        pid = self._pid(victim)
        assert pid is not None
        programs = self._supervised() if victim == COMMAND else []
        os.kill(pid, signal.SIGKILL)
        if victim == COMMAND:
            self._command().wait()
            psutil.wait_procs(programs, timeout=LONGEST_SECONDS)
            assert not any(is_alive(program) for program in programs), "its programs outlive it"

    def dispose(self) -> None:
        """Kill whatever of it is left."""
        self._disconnect()
        for victim in (COMMAND, POSTMASTER):
            pid = self._pid(victim) if self._process is not None else None
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _pid(self, victim: str) -> int | None:
        if victim == COMMAND:
            return None if self._command().poll() is not None else self._command().pid
        if victim == POSTMASTER:
            return self._postmaster()
        return next((child.pid for child in self._programs() if PROGRAMS[victim] in command_line(child)), None)

    def _postmaster(self) -> int | None:
        try:
            pid = int((self.data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
            return pid if is_alive(psutil.Process(pid)) else None
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None

    def _programs(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._command().pid).children(recursive=True)
        return []

    def _supervised(self) -> list[psutil.Process]:
        names = [part for name, part in PROGRAMS.items() if name != RUN]
        return [process for process in self._programs() if any(name in command_line(process) for name in names)]

    def _command(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _rows(self, table: str) -> int:
        """Return how many rows a table has; 0 while there is no table, or no server."""
        try:
            if self._connection is None or self._connection.closed:
                access = Access(**json.loads((self.data_dir / "postgres.json").read_bytes()))
                self._connection = psycopg.connect(access.url(ADMIN, DATABASE), autocommit=True, connect_timeout=5)
            counted = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            row = self._connection.execute(counted).fetchone()
        except (OSError, ValueError, psycopg.OperationalError, psycopg.errors.UndefinedTable):
            return 0
        return int(row[0]) if row else 0

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _said(self) -> str:
        return (self._folder / "err.txt").read_text()[-3000:]


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process runs; one that ended and was not reaped does not."""
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def command_line(process: psutil.Process) -> str:
    """Return how a process was called; "" once it is gone."""
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return " ".join(process.cmdline())
    return ""


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
