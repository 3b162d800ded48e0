"""What goes wrong in a simulation, and when: everything from one seed, written down as it happens."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from opsintel.db.engine import Database
from opsintel.errors import DatabaseError

DEATH, OUTAGE, PAUSE = 0.02, 0.01, 0.03
"""How likely a process dies, loses its database, or is held up while others go on, at each point where it may."""

DEATHS_OF_RUNS = 3
"""Faults that runs meet in one simulation, at most: a day that meets five is given up, as is promised."""


class Crash(BaseException):
    """The process in hand is gone: nothing of it may catch this, as nothing catches kill -9."""


class Script:
    """Decides at each point of a process what happens there."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  chooses faults, no secrets
        self.trace: list[str] = []
        self.faults: Counter[str] = Counter()
        self.calm = False
        self.meanwhile: Callable[[], None] = lambda: None
        self._actor = ""
        self._run_faults = 0

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """Let a process act; a pause of it lets others act in between."""
        before, self._actor = self._actor, actor
        try:
            yield
        finally:
            self._actor = before

    def note(self, line: str) -> None:
        """Add a line to the trace, in words that are the same each time."""
        self.trace.append(f"{self._actor}: {line}" if self._actor else line)

    def happens(self, probability: float) -> bool:
        """Return whether something happens, unless all is calm."""
        return not self.calm and self.random.random() < probability

    def point(self, place: str, *, outage: bool = False, pause: bool = False, weight: float = 1.0) -> None:
        """Die here, lose the database, be held up, or go on; `weight` says how much likelier than elsewhere."""
        if self.happens(DEATH * weight) and self._allowed():
            self.fault("death", place)
            raise Crash
        if outage and self.happens(OUTAGE * weight) and self._allowed():
            self.fault("database away", place)
            raise DatabaseError("The database went away")
        if pause and self.happens(PAUSE * weight) and self._allowed():
            self.fault("pause", place)
            self.meanwhile()

    def fault(self, kind: str, place: str) -> None:
        """Note a fault and count it."""
        self.faults[kind] += 1
        self.note(f"{kind} {place}")

    def _allowed(self) -> bool:
        if not self._actor.startswith("run"):
            return True
        self._run_faults += 1
        return self._run_faults <= DEATHS_OF_RUNS


class FaultyDatabase(Database):
    """The product's ways into the database, with a point before and after each commit.

    Before it, what was done is undone; after it, whoever dies or is cut off does not learn that it was done.
    """

    def __init__(self, url: str, script: Script) -> None:
        super().__init__(url, max_size=2)
        self.script = script

    @contextmanager
    def _transaction(self, statement: str, parameters: tuple[str, ...]) -> Iterator[psycopg.Connection]:
        with super()._transaction(statement, parameters) as connection:
            yield connection
            self.script.point("before a commit", outage=True)
        self.script.point("after a commit", outage=True, pause=True)
