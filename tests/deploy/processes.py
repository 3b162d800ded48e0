"""The services of docker-compose.yml as processes of this machine, with the environment of the file and nothing else.

An embedded PostgreSQL stands in for the container; RabbitMQ, Redis and S3 are left out, which the settings allow.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tests.deploy.compose import ROOT, command_of, environment_of, healthcheck_of
from tests.end_to_end.demo_process import free_port

OF_THIS_MACHINE = ("API_ADDR", "DAGSTER_HOME", "OPSINTEL_DATA_DIR")
ABSENT = ("AMQP_URL", "REDIS_ADDR", "S3_BUCKET", "S3_ENDPOINT")
LONGEST_SECONDS = 120.0
POLL_SECONDS = 0.1


class Services:
    """Starts services and asks how they are; everything is stopped at the end."""

    def __init__(self, folder: Path, database_port: int, surroundings: Mapping[str, str]) -> None:
        self.ports = {"4266": free_port(), "8080": free_port(), "3001": free_port()}
        self._folder = folder
        self._surroundings = surroundings
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._database = f"@127.0.0.1:{database_port}"
        self._here = {
            "/opt/opsintel/dagster": str(folder / "dagster"),
            "/var/lib/opsintel": str(folder / "data"),
            "0.0.0.0": "127.0.0.1",  # noqa: S104  what the containers listen on
            "code-server": "127.0.0.1",
        } | {name: str(port) for name, port in self.ports.items()}
        self._write_dagster_home()

    def run(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends by itself, or another command in its place."""
        return subprocess.run(
            list(command) or self._translated(command_of(service)),
            env=self._environment(service), cwd=self._folder, capture_output=True, text=True,
            timeout=LONGEST_SECONDS, check=False,
        )  # fmt: skip

    def start(self, service: str) -> None:
        """Start a service that stays."""
        with (self._folder / f"{service}.log").open("wb") as log:
            self._running[service] = subprocess.Popen(
                self._translated(command_of(service)),
                env=self._environment(service), cwd=self._folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def is_well(self, service: str) -> bool:
        """Tell what the file's own health check says of a service."""
        assert self._running[service].poll() is None, self.log_of(service)
        return self.run(service, *self._translated(healthcheck_of(service))).returncode == 0

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition; fails with the services' logs when it takes too long."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while not condition():
            assert time.monotonic() < deadline, what + "".join(map(self.log_of, self._running))
            time.sleep(POLL_SECONDS)

    def log_of(self, service: str) -> str:
        """Return the end of what a service printed."""
        return f"\n--- {service}\n" + (self._folder / f"{service}.log").read_text()[-2000:]

    def stop(self, service: str) -> int:
        """Ask a service to stop, as compose does, and return its exit code."""
        process = self._running.pop(service)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(LONGEST_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def stop_all(self) -> None:
        """Stop what still runs."""
        for service in list(self._running):
            self.stop(service)

    def _environment(self, service: str) -> dict[str, str]:
        given = environment_of(service, self._surroundings)
        for name in given.keys() & set(ABSENT):
            del given[name]
        for name in given.keys() & set(OF_THIS_MACHINE):
            given[name] = self._here_is(given[name])
        databases = {name: value.replace("@postgres:5432", self._database) for name, value in given.items()}
        return databases | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}

    def _translated(self, command: list[str]) -> list[str]:
        return [sys.executable if part == "python" else self._here_is(part) for part in command]

    def _here_is(self, text: str) -> str:
        for there, here in self._here.items():
            text = text.replace(there, here)
        return text

    def _write_dagster_home(self) -> None:
        home = self._folder / "dagster"
        home.mkdir()
        (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
        (home / "workspace.yaml").write_text(self._here_is((ROOT / "deploy" / "workspace.yaml").read_text()))
