"""One simulation: processes take their turns as the seed says, die, pause and lose what they are connected to.

Everything that decides is the product's own: the feed, the outbox and its relay, the consumer, the ledger, a run's way
through its batch, the plan of a sheet. What is simulated is around it: the mailbox, the broker, the sheet, the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg

from opsintel.db import witness
from opsintel.errors import DatabaseError, RetriableError
from opsintel_pipeline.simulation.installation import Installation
from opsintel_pipeline.simulation.processes import PAUSES, WORKERS, Processes
from opsintel_pipeline.simulation.script import Crash, Script

STEPS = 60
LONGEST_DRAIN = 15
"""Rounds in which everything comes to rest once nothing goes wrong any more: more than any limit of the product."""

HELD_UP = (2, 16)
"""Turns of others while a process is held up, at least and at most."""

TURNS = 15
"""Turns that each worker has in a round: more than the queue hands out what is rejected."""


@dataclass(frozen=True)
class Played:
    """How a simulation went: what it violated, what went wrong in it, and every step, in the same words each time."""

    seed: int
    violations: list[str]
    faults: Counter[str]
    messages: int
    trace: list[str]


def play(installation: Installation, seed: int) -> Played:
    """Play the simulation of a seed to its end, where everything has come to rest, and judge it."""
    script = Script(seed)
    world = _World(Processes(installation, script, in_postgres=seed % 2 == 0, is_deadly=seed % 3 == 0), script)
    world.play()
    violations = world.processes.problems + witness.violations(installation.witness) + world.violations()
    messages = world.processes.value("SELECT count(*) FROM witness.item")
    return Played(seed, violations, script.faults, messages, script.trace)


class _World:
    def __init__(self, processes: Processes, script: Script) -> None:
        self.processes, self._script = processes, script
        self._is_nested = False
        self._turns: dict[str, tuple[int, Callable[[], None]]] = {
            "mail": (5, processes.mail),
            "feed": (4, processes.feed),
            "relay": (4, processes.relay),
            "consume": (4, processes.consume),
            "tick": (4, processes.tick),
            "run": (5, processes.run),
            "export": (3, processes.export),
            "odd": (1, processes.announce_something_odd),
            "time": (3, processes.pass_time),
            "broker": (1, processes.break_broker),
        }
        script.meanwhile = self._meanwhile

    def play(self) -> None:
        """Let everything go wrong for a while, then nothing, until all is at rest."""
        for _ in range(STEPS):
            self._turn()
        self._script.calm = True
        for _ in range(LONGEST_DRAIN):
            self._drain()
            if self.processes.is_at_rest():
                break
        for slug in self.processes.tenants:
            self.processes.export(slug)

    def violations(self) -> list[str]:
        """Return what is wrong at the end beyond what the witnesses saw."""
        found = [] if self.processes.is_at_rest() else ["waits: something never comes to rest"]
        for slug, sheet in self.processes.sheets.items():
            keys = sheet.keys()
            if len(keys) > len(set(keys)):
                found.append(f"double: {len(keys) - len(set(keys))} rows of a sheet")
            if missing := set(self.processes.processed(slug)) - set(keys):
                found.append(f"lost: {len(missing)} rows of a sheet")
        set_aside = self.processes.value("SELECT count(*) FROM quarantine WHERE tenant_id IS NOT NULL")
        if set_aside != self.processes.odd:
            found.append(f"quarantine: {set_aside} announcements set aside, {self.processes.odd} were odd")
        return found

    def _turn(self) -> None:
        names, weights = list(self._turns), [weight for weight, _ in self._turns.values()]
        name = self._script.random.choices(names, weights)[0]
        self._act(name, self._turns[name][1])

    def _act(self, name: str, action: Callable[[], None]) -> None:
        with self._script.acting(name):
            try:
                action()
            except Crash:
                return
            except (DatabaseError, RetriableError, psycopg.Error) as error:
                self._script.note(f"stopped by {type(error).__name__}")

    def _meanwhile(self) -> None:
        """Let others act while a process is held up."""
        if self._is_nested:
            return
        self._is_nested = True
        for _ in range(self._script.random.randint(*HELD_UP)):
            self._turn()
        self._is_nested = False

    def _drain(self) -> None:
        for slug in self.processes.tenants:
            self._act("feed", partial(self.processes.feed, slug))
        for _ in range(WORKERS * TURNS):
            self._act("relay", self.processes.relay)
            before = len(self._script.trace)
            self._act("consume", self.processes.consume)
            if self._script.trace[before:] == ["consume: 0 consumed"]:
                break
        for _ in range(3):
            self._act("tick", self.processes.tick)
            self._act("run", self.processes.run)
            self._act("run", self.processes.run)
        self.processes.wait(max(PAUSES))
