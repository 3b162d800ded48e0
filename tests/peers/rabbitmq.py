"""A real rabbitmq-server as the tests' own child: on free ports, with its own epmd, killed without orphans."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.peers.catalogue import RABBITMQ

START_SECONDS = 90.0
POLL_SECONDS = 0.05
SMALL = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"

ENDS_WITH_US = '"$@" </dev/null & read -r _; kill -KILL 0'
"""Runs a command in a process group that is killed when the pipe to us is closed: also when the tests are killed."""


class Broker:
    """The server; its queues outlive a `kill`, as its folder stays."""

    def __init__(self, folder: Path) -> None:
        self.port, self._distribution, self._epmd_port = free_ports(3)
        self._folder = folder
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\nlog.console = true\nlog.file = false\n"
            "vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 50MB\n"
        )
        (folder / "plugins").write_text("[].\n")

    @property
    def url(self) -> str:
        """Its address, as AMQP_URL has it."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it, and return once it takes connections."""
        if self._epmd is None:
            # Left to itself the server starts one that stays behind.
            self._epmd = self._child("epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1")
            self._wait_for(self._epmd_port, self._epmd)
        self._server = self._child(RABBITMQ.required_path())
        self._wait_for(self.port, self._server)

    def wait_until_stored(self, *queues: str) -> None:
        """Return once the queues would outlive a kill: the broker writes down where they are a moment later."""
        deadline = time.monotonic() + START_SECONDS
        (directory,) = (self._folder / "mnesia").glob("*/quorum/**/names.dets")
        while not all(queue.encode() in directory.read_bytes() for queue in queues):
            assert time.monotonic() < deadline, self.log()
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End it at once, without a word to anyone."""
        assert self._server is not None
        _end(self._server)
        self._server = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it neither answer nor end for a while."""
        assert self._server is not None
        os.killpg(self._server.pid, signal.SIGSTOP)
        children = psutil.Process(self._server.pid).children(recursive=True)
        (machine,) = (child for child in children if child.name() == "beam.smp")
        while machine.status() != psutil.STATUS_STOPPED:
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            if self._server is not None:
                os.killpg(self._server.pid, signal.SIGCONT)

    def ensure_running(self) -> None:
        """Start it again when a test killed it and did not get as far."""
        if self._server is None or self._server.poll() is not None:
            self.start()

    def stop(self) -> None:
        """End it and its epmd; what it stored is thrown away by whoever owns the folder."""
        for process in (self._server, self._epmd):
            if process is not None:
                _end(process)
        self._server = self._epmd = None

    def log(self) -> str:
        """Return the end of what it printed."""
        return (self._folder / "log").read_text(errors="replace")[-3000:]

    def _child(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", ENDS_WITH_US, "sh", *command], env=self._environment(), cwd=self._folder,
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _wait_for(self, port: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not listens(port):
            assert process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(POLL_SECONDS)

    def _environment(self) -> dict[str, str]:
        here = str(self._folder)
        return {
            "PATH": os.environ["PATH"],
            "HOME": here,
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": f"{here}/mnesia",
            "RABBITMQ_LOG_BASE": here,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": f"{here}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{here}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{here}/plugins",
            "RABBITMQ_PID_FILE": f"{here}/pid",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{here}/config",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": SMALL,
        }


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def listens(port: int) -> bool:
    """Tell whether something takes connections on a port of this machine."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """Yield a broker that runs; it is gone at the end, and its folder with what it stored is the caller's."""
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
