"""What a soak runs: PostgreSQL, a broker, and the product's processes, each behind proxies of its own."""

from __future__ import annotations

import base64
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from opsintel.db import witness
from opsintel.db.embedded import ADMIN, DATABASE, SERVICE, Access, EmbeddedServer
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.errors import DatabaseError
from opsintel.queue.rabbitmq import declare_queues
from opsintel.queue.topology import QUEUES
from opsintel.tenants import create_tenant
from tests.end_to_end.demo_process import is_alive
from tests.peers.proxy import Proxy, proxies
from tests.peers.rabbitmq import Broker, running_broker

TENANTS = 12
HOUR = "3600"
PR_SET_PDEATHSIG = 1
COMPONENTS = ("worker-1", "worker-2", "producer-1", "producer-2", "runner-1", "runner-2")


@dataclass
class Component:
    """A process of the product that is started again whenever it ends."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    proxies: list[Proxy]
    process: subprocess.Popen[bytes] | None = None

    def ensure_running(self) -> None:
        """Start it where it does not run."""
        if self.process is None or self.process.poll() is not None:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    preexec_fn=_die_with_us,
                )  # fmt: skip

    def pids(self) -> list[int]:
        """Return its process and, of a runner, the run that it has forked."""
        if self.process is None or self.process.poll() is not None:
            return []
        with suppress(psutil.NoSuchProcess):
            return [self.process.pid, *(child.pid for child in psutil.Process(self.process.pid).children())]
        return []

    def end(self) -> None:
        """End it and what it forked."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


@dataclass
class Stack:
    """Everything that a soak may break."""

    folder: Path
    server: EmbeddedServer
    access: Access
    broker: Broker | None
    components: list[Component] = field(default_factory=list)

    def files(self) -> list[Path]:
        """Return the file of each tenant."""
        return [self.folder / f"tenant-{number}.jsonl" for number in range(TENANTS)]

    def owner(self) -> psycopg.Connection:
        """Return a connection of the database's owner, not through a proxy."""
        return psycopg.connect(self.access.url(ADMIN, DATABASE), autocommit=True, connect_timeout=5)

    def postmaster(self) -> int:
        """Return the process of the database."""
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def restart_database(self) -> None:
        """Kill the database with SIGKILL and start it again at once."""
        killed = psutil.Process(self.postmaster())
        killed.kill()
        while is_alive(killed):
            time.sleep(0.01)
        while True:
            with suppress(DatabaseError):
                self.access = self.server.ensure_running()
                break
            time.sleep(0.1)
        for component in self.components:
            component.proxies[0].target = self.access.port

    def restart_broker(self) -> None:
        """Kill the broker with SIGKILL and start it again at once."""
        assert self.broker is not None
        self.broker.kill()
        self.broker.start()


@contextmanager
def running_stack(folder: Path, queue: str) -> Iterator[Stack]:
    """Yield the stack with its processes running; all are gone at the end."""
    with ExitStack() as parts:
        server = EmbeddedServer(folder)
        access = parts.enter_context(server.use())
        migrate(access.url(ADMIN, DATABASE), login=SERVICE)
        with witness.connect(access.url(ADMIN, DATABASE)) as owner:
            witness.install(owner)
            witness.watch_messages(owner)
        broker = parts.enter_context(running_broker(_folder(folder, "rabbitmq"))) if queue == "rabbitmq" else None
        if broker is not None:
            declare_queues(broker.url)
            broker.wait_until_stored(*(queue.name for queue in QUEUES))
        stack = Stack(folder, server, access, broker)
        with Database(access.url(SERVICE, DATABASE)) as database:
            for file in stack.files():
                create_tenant(database, file.stem, file.stem)
        secrets = {
            "MASTER_ENCRYPTION_KEY": base64.b64encode(os.urandom(32)).decode(),
            "JWT_SECRET": base64.b64encode(os.urandom(48)).decode(),
        }
        targets = [access.port, broker.port if broker is not None else access.port]
        made = parts.enter_context(proxies(*(targets * len(COMPONENTS))))
        for number, name in enumerate(COMPONENTS):
            stack.components.append(_component(stack, name, secrets, made[2 * number : 2 * number + 2]))
            parts.callback(stack.components[-1].end)
        yield stack


def _component(stack: Stack, name: str, secrets: dict[str, str], ours: list[Proxy]) -> Component:
    kind, _, number = name.partition("-")
    arguments = {
        "worker": ["opsintel_pipeline.worker"],
        "producer": ["tests.faults.soak.producer", *map(str, stack.files()[int(number) - 1 :: 2])],
        "runner": ["tests.faults.soak.runner", str(_folder(stack.folder, "locks"))],
    }[kind]
    # The second of each kind has a clock that is wrong by an hour.
    skew = ["tests.faults.soak.skewed", HOUR if kind != "producer" else f"-{HOUR}"] if number == "2" else []
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    address = stack.access.url(SERVICE, DATABASE).replace(f":{stack.access.port}/", f":{ours[0].port}/")
    environment = kept | secrets | {"DB_URL": address, "OPSINTEL_DATA_DIR": str(stack.folder / "data")}
    if stack.broker is not None:
        environment["AMQP_URL"] = stack.broker.url.replace(f":{stack.broker.port}/", f":{ours[1].port}/")
    command = [sys.executable, "-m", *skew, *arguments]
    return Component(name, command, environment, stack.folder / f"{name}.log", ours)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir(exist_ok=True)
    return folder


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
