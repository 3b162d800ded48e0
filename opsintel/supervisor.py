"""Keep programs running: started in groups of their own, started again when they die, stopped together.

Start and check them from one thread that lives as long as they shall: the kernel ties a child to the thread it came
from.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
STEADY_SECONDS = 30.0
"""A program that ran this long is not failing at start; its next delay is the first again."""

STOP_SECONDS = 8.0
LOG_BYTES = 16 * 1024 * 1024
"""A log longer than this is put aside when its program is started."""

_WRAPPER = Path(__file__).with_name("supervised.py")


@dataclass(frozen=True)
class Program:
    """A program of ours: its name (also of its log file), arguments to this Python, and its whole environment."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    delay: float = FIRST_DELAY
    deaths: int = 0
    start_again: float | None = None


class Supervisor:
    """The running programs. `report` is told, in a line for people, what died."""

    def __init__(self, logs: Path, report: Callable[[str], None]) -> None:
        self._logs = logs
        self._report = report
        self._children: dict[str, _Child] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, program: Program) -> None:
        """Start a program; one of this name that runs already is stopped first."""
        if program.name in self._children:
            self._stop([self._children[program.name]])
        self._children[program.name] = _Child(program, self._spawn(program), time.monotonic())

    def check(self) -> None:
        """Start again what has died, once its delay is over."""
        for child in self._children.values():
            if child.start_again is None:
                if child.process.poll() is not None:
                    self._note_death(child)
            elif time.monotonic() >= child.start_again:
                child.process, child.started, child.start_again = self._spawn(child.program), time.monotonic(), None

    def failing(self, deaths: int) -> list[str]:
        """Return the programs that died at least `deaths` times in a row soon after their start."""
        return [name for name, child in self._children.items() if child.deaths >= deaths]

    def note(self, line: str) -> None:
        """Tell people what happened to something else that is kept running."""
        self._report(line)

    def log_of(self, name: str) -> Path:
        """Return the log file of a program."""
        return self._logs / f"{name}.log"

    def pids(self) -> dict[str, int]:
        """Return the process ids by program."""
        return {name: child.process.pid for name, child in self._children.items()}

    def stop(self) -> None:
        """Stop everything: asked first, killed after `STOP_SECONDS`."""
        self._stop(list(self._children.values()))
        self._children.clear()

    def _note_death(self, child: _Child) -> None:
        steady = time.monotonic() - child.started > STEADY_SECONDS
        child.delay = FIRST_DELAY if steady else min(child.delay * 2, LONGEST_DELAY)
        child.deaths = 1 if steady else child.deaths + 1
        child.start_again = time.monotonic() + child.delay
        _signal_group(child, signal.SIGKILL)
        code = child.process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._report(f"{child.program.name} {how}, is started again (see {self.log_of(child.program.name)})")

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        path = self.log_of(program.name)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            return subprocess.Popen(  # noqa: S603  our own programs
                [sys.executable, "-I", str(_WRAPPER), str(os.getpid()), sys.executable, *program.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(program.environment),
                start_new_session=True,
            )

    def _stop(self, children: list[_Child]) -> None:
        for child in children:
            _signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            _signal_group(child, signal.SIGKILL)
            child.process.wait()


def _signal_group(child: _Child, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)
