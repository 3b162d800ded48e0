"""Measuring in turns: contenders run side by side in time, so that what else a machine does hits all of them alike."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spread:
    """What several measurements say: their median, the least, the greatest, and how many there were."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of at least one value."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found), len(found))


@dataclass
class Usage:
    """Wall-clock and CPU seconds of a stretch of work; filled in when it ends."""

    wall: float = 0.0
    cpu: float = 0.0


def in_turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run every contender once a round and return the values each gave, round by round.

    The order is turned round in every other round, so that nobody always comes first.
    """
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        order = list(contenders.items())
        for name, contender in order if number % 2 == 0 else reversed(order):
            values[name].append(contender())
    return values


def by_size(cost: Callable[[int], float], sizes: Sequence[int], rounds: int) -> dict[int, list[float]]:
    """Return the cost at each size, measured so many times, all sizes once a round."""
    costs: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            costs[size].append(cost(size))
    return costs


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Return the spread of the quotients of each round: neighbours in time are compared, never distant rounds."""
    return Spread.of(above / below for above, below in zip(numerators, denominators, strict=True))


def growth_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the e of cost = c * size^e that fits best (least squares of the logarithms); 1 is in proportion."""
    x = [math.log(size) for size in sizes]
    y = [math.log(max(cost, 1e-9)) for cost in costs]
    mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
    varied = sum((value - mean_x) ** 2 for value in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / varied


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes by the wall clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def usage(processes: Sequence[int] = ()) -> Iterator[Usage]:
    """Measure the block: wall clock, and CPU of the named processes (default: this one, all its threads)."""
    found = Usage()
    cpu_before, wall_before = _cpu_of(processes), time.perf_counter()
    yield found
    found.wall = time.perf_counter() - wall_before
    found.cpu = _cpu_of(processes) - cpu_before


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds that a process has used, in user and kernel mode; 0 once it has ended.

    The kernel counts in ticks of 10 ms: let it work for seconds before the difference is believed.
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def descendants(process: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found = [process]
    for known in found:
        found.extend(children.get(known, []))
    return found


def memory(processes: Iterable[int]) -> tuple[float, float]:
    """Return the memory of processes in MiB: (PSS, shared pages counted once in all; RSS, counted for each)."""
    proportional = resident = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue
        sizes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
        proportional += sizes.get("Pss", 0)
        resident += sizes.get("Rss", 0)
    return proportional / 1024, resident / 1024


@contextmanager
def peak_memory() -> Iterator[Callable[[], float]]:
    """Yield a function that returns this process's peak of resident memory since the block began, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")

    def peak() -> float:
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    yield peak


def _cpu_of(processes: Sequence[int]) -> float:
    return sum(map(cpu_seconds, processes)) if processes else time.process_time()
