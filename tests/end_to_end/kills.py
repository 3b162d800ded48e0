"""Demos that lose processes at chosen moments, compared with one that nobody disturbs."""

from __future__ import annotations

import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from opsintel.clock import today
from opsintel.ids import new_id
from tests.end_to_end.demo_process import COMMAND, Appearance, DemoProcess, Moment, Outcome

TABLES = ("raw_payload", "message", "analysis", "issue_member", "fact_message_day", "batch")
"""Tables in the order in which a demo fills them: import, four stages, and the second batch that they announce."""


@dataclass(frozen=True)
class Kill:
    """A process to kill with SIGKILL, and when."""

    victim: str
    moment: Moment | Appearance


def kills_of(seed: str, victims: Sequence[str], tables: Sequence[str] = TABLES) -> list[Kill]:
    """Return a kill for each victim in their order, at moments that the seed chooses among some tables."""
    chosen = random.Random(seed)
    moments = sorted((chosen.randrange(len(tables)), round(chosen.uniform(0, 0.95), 2)) for _ in victims)
    return [Kill(victim, Moment(tables[place], share)) for victim, (place, share) in zip(victims, moments, strict=True)]


class Comparison:
    """Runs demos with and without kills; a day's undisturbed one is run once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._undisturbed: dict[date, Outcome] = {}
        self._lock = threading.Lock()

    def undisturbed(self) -> Outcome:
        """Return what a demo makes today that nobody disturbs."""
        with self._lock:
            day = today()
            if day not in self._undisturbed:
                self._undisturbed[day] = self._run(DemoProcess.finish)
            return self._undisturbed[day]

    def differences_with(self, kills: Sequence[Kill]) -> list[str]:
        """Return what a demo with kills makes otherwise; run again where a day ended meanwhile, for days shift."""
        while True:
            day = today()
            theirs = self.undisturbed()
            ours = self._run(partial(_finish_with, kills, totals_of(theirs)))
            if today() == day:
                return differences(ours, theirs)

    def _run(self, finish: Callable[[DemoProcess], Outcome]) -> Outcome:
        folder = self._folder / new_id().hex
        demo = DemoProcess(folder)
        try:
            demo.start()
            return finish(demo)
        finally:
            demo.dispose()
            shutil.rmtree(folder, ignore_errors=True)


def _finish_with(kills: Sequence[Kill], totals: dict[str, int], demo: DemoProcess) -> Outcome:
    for kill in kills:
        demo.wait_for(kill.moment, totals)
        demo.kill(kill.victim)
        if kill.victim == COMMAND:
            demo.start()
    return demo.finish()


def totals_of(outcome: Outcome) -> dict[str, int]:
    """Return how many rows each table has at the end of an undisturbed demo, which takes two batches."""
    counted = {table: sum(len(dump[table]) for dump in outcome.dumps.values()) for table in TABLES if table != "batch"}
    return counted | {"batch": 2}


def differences(ours: Outcome, theirs: Outcome) -> list[str]:
    """Return one line for each figure and row that only one of two demos has; clock times aside."""
    lines = [
        f"{name}: {ours.summary.get(name)} with kills, {value} undisturbed"
        for name, value in theirs.summary.items()
        if name != "seconds" and ours.summary.get(name) != value
    ]
    for tenant, tables in theirs.dumps.items():
        for table, rows in tables.items():
            own, other = Counter(map(repr, ours.dumps[tenant][table])), Counter(map(repr, rows))
            lines += [f"{tenant} {table} only with kills: {row}" for row in (own - other).elements()]
            lines += [f"{tenant} {table} only undisturbed: {row}" for row in (other - own).elements()]
    return lines
