"""A server as the tests' own child: started on a free port, waited for, killed without orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.peers.rabbitmq import ENDS_WITH_US, free_ports, listens

START_SECONDS = 60.0
POLL_SECONDS = 0.02


class ChildServer:
    """A server of one process; a subclass knows its command."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> None:
        """Start the command, and return once the port takes connections."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", ENDS_WITH_US, "sh", *command],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not listens(self.port):
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return the end of what it printed."""
        return (self._folder / "log").read_text(errors="replace")[-3000:]
