"""Demo: seconds of `opsintel demo --exit` on an empty folder, from the command to every partition materialised."""

from __future__ import annotations

import json
import os
import subprocess
import time

from bench.measure import Spread
from bench.report import Bound, Line, Report
from bench.servers import free_port
from bench.stack import LONGEST_SECONDS, PROGRAM
from bench.workplace import Workplace
from opsintel.errors import FatalError

ROUNDS = 3


def run(workplace: Workplace) -> Report:
    """Measure the seconds the demo tells, and those of the command from start to end."""
    told, whole = [], []
    summary: dict[str, float] = {}
    for _ in range(ROUNDS):
        environment = dict(os.environ) | {
            "OPSINTEL_DATA_DIR": str(workplace.scratch("demo")), "OPSINTEL_EMBEDDING_DOWNLOAD": "false"
        }  # fmt: skip
        ports = ["--port", str(free_port()), "--dagster-port", str(free_port())]
        began = time.perf_counter()
        ended = subprocess.run(
            [str(PROGRAM), "demo", "--exit", "--json", *ports],
            env=environment, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS,
        )  # fmt: skip
        if ended.returncode != 0:
            raise FatalError(f"The demo failed: {ended.stderr.strip().splitlines()[-1]}")
        whole.append(time.perf_counter() - began)
        summary = json.loads(ended.stdout)
        told.append(summary["seconds"])
    made = ", ".join(f"{value:g} {name}" for name, value in summary.items() if name != "seconds")
    return Report(
        [
            Line("to every partition materialised", "s", Spread.of(told), bound=Bound(60, at_most=True)),
            Line("the whole command, its stop included", "s", Spread.of(whole)),
        ],
        notes=[f"made: {made}"],
    )
