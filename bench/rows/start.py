"""Start and memory of the whole embedded stack: seconds to the dashboard, against its parts started one by one.

All on a data folder that was used before. The whole is `opsintel up`, from its command to the first answers of the
dashboard and of the Dagster UI; the parts are the same programs, each started alone on the running database and stopped
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.measure import Spread, in_turns, memory, timed
from bench.report import Bound, Line, Report, compared
from bench.servers import listens
from bench.stack import (
    PROGRAM,
    environment_of,
    is_connected,
    page_answers,
    process,
    processes_of,
    seconds_until,
)
from bench.workplace import Workplace
from opsintel import stack
from opsintel.db.connect import DatabaseUrls, database_urls
from opsintel.db.embedded import DAGSTER, SERVICE
from opsintel.db.migrate import migrate
from opsintel.settings import Settings, load_settings
from opsintel.supervisor import Program

ROUNDS = 3
IDLE_SECONDS = 20.0
"""How long the stack is left alone before its memory is measured."""
OURS, PARTS = "whole stack", "sum of its parts started alone"


def run(workplace: Workplace) -> Report:
    """Measure the start by both ways, and the memory of the idle stack."""
    folder = workplace.scratch("stack")
    dashboard, proportional, resident = [], [], []

    def whole() -> float:
        figures = start_whole(folder)
        dashboard.append(figures[0])
        proportional.append(figures[2])
        resident.append(figures[3])
        return figures[1]

    first = whole()
    for figures in (dashboard, proportional, resident):
        figures.clear()
    parts: list[dict[str, float]] = []

    def alone() -> float:
        parts.append(start_parts(folder))
        return sum(parts[-1].values())

    values = in_turns({OURS: whole, PARTS: alone}, ROUNDS)
    medians = {name: Spread.of(part[name] for part in parts).median for name in parts[0]}
    return Report(
        [
            compared("everything answers", "s", values, ours=OURS, peer=PARTS, bound=Bound(1.5, 1.1, at_most=True)),
            Line("dashboard answers", "s", Spread.of(dashboard)),
            Line("everything answers, new folder", "s", Spread.of([first])),
            Line("memory, idle (PSS)", "MiB", Spread.of(proportional), bound=Bound(1200, 800, at_most=True)),
            Line("memory, idle (RSS)", "MiB", Spread.of(resident)),
        ],
        notes=["parts alone: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in medians.items())],
    )


def start_whole(folder: Path) -> tuple[float, float, float, float]:
    """Run `opsintel up`; return seconds to the dashboard, seconds to everything, PSS and RSS in MiB when idle."""
    environment = environment_of(folder)
    settings = load_settings(environment)
    began = time.perf_counter()
    with process([str(PROGRAM), "up"], environment) as started:
        dashboard = seconds_until(lambda: page_answers(settings.api_port), started, began)
        everything = seconds_until(lambda: page_answers(settings.dagster_port), started, began)
        time.sleep(IDLE_SECONDS)
        return dashboard, max(dashboard, everything), *memory(processes_of(started, folder))


def start_parts(folder: Path) -> dict[str, float]:
    """Start each part alone and return the seconds until each is at work, by name."""
    environment = environment_of(folder)
    settings = load_settings(environment)
    began = time.perf_counter()
    with database_urls(settings) as urls:
        found = {"database": time.perf_counter() - began}
        found["migrations"] = timed(lambda: migrate(urls.migration, login=urls.login))
        programs, ready = _programs(environment, settings, urls)
        for name, program in programs.items():
            began = time.perf_counter()
            with process([str(PROGRAM.with_name("python")), *program.arguments], program.environment) as started:
                found[name] = seconds_until(ready[name], started, began)
    return found


def _programs(
    environment: dict[str, str], settings: Settings, urls: DatabaseUrls
) -> tuple[dict[str, Program], dict[str, Callable[[], bool]]]:
    """Return the programs of the stack, and for each how it shows that it is at work."""
    ports = stack.Ports(settings.api_port, settings.dagster_port, stack._free_port())
    programs = stack._dagster_programs(environment, settings, ports, urls) | stack._product_programs(environment, urls)
    ready: dict[str, Callable[[], bool]] = {
        "code-server": lambda: listens(ports.code_server),
        "dagster-daemon": lambda: is_connected(urls, DAGSTER),
        "dagster-webserver": lambda: page_answers(settings.dagster_port),
        "api": lambda: page_answers(settings.api_port),
        "worker": lambda: is_connected(urls, SERVICE),
    }
    return programs, ready
