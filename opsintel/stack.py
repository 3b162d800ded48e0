"""The whole product as processes on one machine: database, API, worker, and Dagster's three."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from opsintel.dagster_home import compute_log_environment, ensure_dagster_database, write_dagster_home
from opsintel.db.connect import DatabaseUrls, database_urls, embedded_server
from opsintel.db.migrate import migrate, sqlalchemy_url
from opsintel.errors import DatabaseError, FatalError, InputError, OpsintelError, StorageError
from opsintel.settings import Settings, load_settings, variable_of
from opsintel.supervisor import Program, Supervisor

CHECK_SECONDS = 0.2
START_SECONDS = 60.0
DATABASE_CHECK_SECONDS = 1.0
LOCK_FILE = "up.lock"

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""Runs share the cores among them; one that spreads its linear algebra over all is slower for it, most of all when
others are at work too, and its last digits depend on the number of cores."""


@dataclass(frozen=True)
class Ports:
    """Where people and processes reach the stack."""

    api: int
    dagster: int
    code_server: int


class Stack:
    """The running stack; `watch` keeps it running."""

    def __init__(
        self, environment: Mapping[str, str], settings: Settings, ports: Ports, urls: DatabaseUrls,
        supervisor: Supervisor,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.ports = ports
        self.urls = urls
        self.supervisor = supervisor
        self._environment = environment
        self._database_checked = time.monotonic()

    def watch(self, until: Callable[[], bool]) -> None:
        """Keep everything running until `until` says so; it is asked five times a second."""
        while not until():
            self.supervisor.check()
            if time.monotonic() - self._database_checked > DATABASE_CHECK_SECONDS:
                self._check_database()
            time.sleep(CHECK_SECONDS)

    def start(self, migrated: Callable[[Stack], None]) -> None:
        """Start everything, what others wait for first; `migrated` is called once the database is usable.

        What it loads is there before the worker starts, while Dagster's code server loads our definitions.
        """
        dagster = _dagster_programs(self._environment, self.settings, self.ports, self.urls)
        product = _product_programs(self._environment, self.urls)
        self.supervisor.start(dagster["code-server"])
        self._load(migrated)
        self.supervisor.start(product["worker"])
        wait_for(lambda: answers(self.ports.code_server), self, START_SECONDS, "Dagster's code server did not start")
        # A daemon that finds no code server would look for it again only after several seconds.
        self.supervisor.start(dagster["dagster-daemon"])
        self.supervisor.start(product["api"])
        self.supervisor.start(dagster["dagster-webserver"])

    def _load(self, migrated: Callable[[Stack], None]) -> None:
        """Migrate and load, once more when the embedded server died meanwhile: both go on where they stopped."""
        try:
            migrate(self.urls.migration, login=self.urls.login)
            migrated(self)
        except DatabaseError:
            if self.settings.db_url is not None or self.database_answers():
                raise
            self._check_database()
            migrate(self.urls.migration, login=self.urls.login)
            migrated(self)

    def database_answers(self) -> bool:
        """Tell whether the embedded server listens; a pool would only find out by waiting."""
        return answers(urlsplit(self.urls.service).port or 5432)

    def _check_database(self) -> None:
        """Start the embedded server again when it died; programs keep their address, for the port stays the same."""
        self._database_checked = time.monotonic()
        if self.settings.db_url is not None or self.database_answers():
            return
        try:
            embedded_server(self.settings).ensure_running()
        except OpsintelError as error:
            self.supervisor.note(f"database: {error.line()}; tried again")
        else:
            self.supervisor.note("database had died, is started again")


@contextmanager
def running_stack(
    environment: Mapping[str, str], report: Callable[[str], None], migrated: Callable[[Stack], None] = lambda _: None
) -> Iterator[Stack]:
    """Start the stack of an environment's settings and yield it; everything is stopped at the end.

    `report` is told what died, in a line for people; `migrated` is called once the database is usable.
    Raises `InputError` for a port in use, one given twice, or a second stack on the folder, before anything is started.
    """
    settings = load_settings(environment)
    settings.require_secrets()
    ports = Ports(settings.api_port, settings.dagster_port, _free_port())
    if ports.api == ports.dagster:
        raise InputError(
            f"Port {ports.api} is given to the API and to the Dagster UI",
            remedy=f"Set {variable_of('dagster_port')} to another",
        )
    with _only_stack(settings):
        _require_free(settings.api_host, ports.api, variable_of("api_addr"))
        _require_free("127.0.0.1", ports.dagster, variable_of("dagster_port"))
        with database_urls(settings) as urls:
            ensure_dagster_database(urls)
            supervisor = Supervisor(settings.data_dir / "logs", report)
            stack = Stack(environment, settings, ports, urls, supervisor)
            try:
                stack.start(migrated)
                yield stack
            finally:
                supervisor.stop()


def stack_runs(data_dir: Path) -> bool:
    """Tell whether a stack runs on a data folder."""
    try:
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _only_stack(settings: Settings) -> Iterator[None]:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o755)
        descriptor = os.open(settings.data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(
            f"The data folder {settings.data_dir} cannot be written: {error.strerror}",
            remedy="Set OPSINTEL_DATA_DIR to a folder of yours",
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise InputError(
            f"Another stack runs on {settings.data_dir}", remedy="Stop it, or set OPSINTEL_DATA_DIR to another folder"
        ) from None
    finally:
        os.close(descriptor)


def _dagster_programs(
    environment: Mapping[str, str], settings: Settings, ports: Ports, urls: DatabaseUrls
) -> dict[str, Program]:
    home = write_dagster_home(settings, ports.code_server)
    dagster = {
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_URL": sqlalchemy_url(urls.dagster, "psycopg2"),
        "DAGSTER_REDACT_USER_CODE_ERRORS": "1",
        "PYTHONUNBUFFERED": "1",
    } | compute_log_environment(settings)
    # The daemon and the webserver run no code of ours: of our settings they see only what Dagster itself needs.
    plain = {name: value for name, value in environment.items() if name not in _OUR_VARIABLES} | dagster
    workspace = str(home / "workspace.yaml")
    code = ONE_THREAD | _ours(environment, urls) | dagster
    del code[variable_of("jwt_secret")]
    programs = (
        Program(
            "code-server",
            ("-m", "dagster", "api", "grpc", "-m", "opsintel_pipeline.definitions", "-h", "127.0.0.1",
             "-p", str(ports.code_server), "--location-name", "opsintel", "--log-level", "warning"),
            code,
        ),
        Program(
            "dagster-daemon", ("-m", "dagster._daemon", "run", "-w", workspace, "--log-level", "warning"), plain
        ),
        Program(
            "dagster-webserver",
            ("-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(ports.dagster), "-w", workspace,
             "--log-level", "warning"),
            plain,
        ),
    )  # fmt: skip
    return {program.name: program for program in programs}


def _product_programs(environment: Mapping[str, str], urls: DatabaseUrls) -> dict[str, Program]:
    ours = _ours(environment, urls)
    worker = {name: value for name, value in ours.items() if name != variable_of("jwt_secret")}
    return {
        "api": Program("api", ("-m", "opsintel_api"), ours),
        "worker": Program("worker", ("-m", "opsintel_pipeline.worker"), worker),
    }


_OUR_VARIABLES = frozenset(variable_of(name) for name in Settings.model_fields)


def _ours(environment: Mapping[str, str], urls: DatabaseUrls) -> dict[str, str]:
    """Return the environment of our programs: given the address, they neither start nor migrate a database."""
    without = {variable_of("migration_url"), variable_of("dagster_db_url")}
    kept = {name: value for name, value in environment.items() if name not in without}
    return kept | {variable_of("db_url"): urls.service, "OPSINTEL_SUPERVISED": "1", "PYTHONUNBUFFERED": "1"}


def _require_free(host: str, port: int, variable: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise InputError(
                f"Port {port} of {host} {reason}", remedy=f"Stop what listens there, or set {variable}"
            ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether something listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], bool], stack: Stack, seconds: float, what: str) -> None:
    """Watch the stack until the condition holds; `FatalError` when it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    stack.watch(lambda: condition() or time.monotonic() > deadline)
    if not condition():
        raise FatalError(f"{what} within {seconds:.0f} s", remedy=f"See the logs in {stack.settings.data_dir / 'logs'}")
