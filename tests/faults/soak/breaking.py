"""What is broken in a soak, and when: something small every other second, a server every 22 seconds."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.soak.stack import Component, Stack

SMALL_SECONDS = 1.6
LARGE_SECONDS = 22.0
"""Between two kills of a server: more than the 20 s within which it has to be recovered from, and then some."""

LATENCIES = (0.02, 0.1, 0.3)


@dataclass
class Breaking:
    """Breaks a stack, notes each fault, and mends it when its time is over."""

    stack: Stack
    random: random.Random
    ballast: Path | None
    faults: Counter[str] = field(default_factory=Counter)
    kills: list[tuple[str, datetime]] = field(default_factory=list)
    _mending: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _next_small: float = 0.0
    _next_large: float = 0.0
    _large: Iterator[Callable[[], None]] | None = None

    def start(self) -> None:
        """Begin once everything has had time to start."""
        self._next_small = time.monotonic() + SMALL_SECONDS
        self._next_large = time.monotonic() + LARGE_SECONDS / 2
        self._large = self._servers()

    def step(self) -> None:
        """Mend what is due, keep processes running, break what is due."""
        moment = time.monotonic()
        self.mend(moment)
        for component in self.stack.components:
            component.ensure_running()
        if moment >= self._next_large:
            self._next_large = moment + LARGE_SECONDS
            assert self._large is not None
            next(self._large)()
        elif moment >= self._next_small:
            self._next_small = moment + SMALL_SECONDS * self.random.uniform(0.6, 1.4)
            self._break_something_small()

    def mend(self, until: float = float("inf")) -> None:
        """Undo the faults whose time is over by then."""
        due = [mend for at, mend in self._mending if at <= until]
        self._mending = [(at, mend) for at, mend in self._mending if at > until]
        for mend in due:
            mend()

    def _break_something_small(self) -> None:
        component = self.random.choice(self.stack.components)
        kinds = (self._cut, self._slow, self._hold, self._kill, self._stop)
        self.random.choices(kinds, (7, 5, 3, 3, 3))[0](component)

    def _cut(self, component: Component) -> None:
        self.random.choice(component.proxies).cut()
        self.faults["connections cut"] += 1

    def _slow(self, component: Component) -> None:
        proxy = self.random.choice(component.proxies)
        proxy.latency = self.random.choice(LATENCIES)
        self._later(2.0, lambda: setattr(proxy, "latency", 0.0))
        self.faults["connections slowed"] += 1

    def _hold(self, component: Component) -> None:
        proxy = self.random.choice(component.proxies)
        proxy.hold()
        self._later(self.random.uniform(1, 3), proxy.release)
        self.faults["connections held up"] += 1

    def _kill(self, component: Component) -> None:
        if pids := component.pids():
            self._note_kill(f"{component.name.partition('-')[0] if len(pids) == 1 else 'run'} killed")
            with suppress(ProcessLookupError):
                os.kill(pids[-1], signal.SIGKILL)

    def _stop(self, component: Component) -> None:
        if pids := component.pids():
            with _unless_gone():
                os.kill(pids[-1], signal.SIGSTOP)
            self._later(self.random.uniform(1, 4), lambda: _continue(pids[-1]))
            self.faults["processes stopped for a while"] += 1

    def _servers(self) -> Iterator[Callable[[], None]]:
        while True:
            yield self._kill_database
            if self.stack.broker is not None:
                yield self._kill_broker
            if self.ballast is not None:
                yield self._fill_disk
            if self.stack.broker is not None:
                yield self._stop_broker
            yield self._stop_database

    def _kill_database(self) -> None:
        self._note_kill("database killed")
        self.stack.restart_database()

    def _kill_broker(self) -> None:
        self._note_kill("broker killed")
        self.stack.restart_broker()

    def _stop_broker(self) -> None:
        assert self.stack.broker is not None
        self.faults["broker stopped for 3 s"] += 1
        with self.stack.broker.paused():
            time.sleep(3)

    def _stop_database(self) -> None:
        self.faults["database stopped for 2 s"] += 1
        pid = self.stack.postmaster()
        os.kill(pid, signal.SIGSTOP)
        self._later(2, lambda: _continue(pid))

    def _fill_disk(self) -> None:
        assert self.ballast is not None
        ballast = self.ballast
        self.faults["disk of objects full"] += 1
        with suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(64 * 1024))
        self._later(4, ballast.unlink)

    def _note_kill(self, kind: str) -> None:
        self.faults[kind] += 1
        self.kills.append((kind, datetime.now(UTC)))

    def _later(self, seconds: float, mend: Callable[[], None]) -> None:
        self._mending.append((time.monotonic() + seconds, mend))


def _continue(pid: int) -> None:
    with _unless_gone():
        os.kill(pid, signal.SIGCONT)


@contextmanager
def _unless_gone() -> Iterator[None]:
    with suppress(ProcessLookupError):
        yield
