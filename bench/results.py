"""bench/results.json: what was measured last of each row, on which machine."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from opsintel.clock import now

RESULTS = Path(__file__).parent / "results.json"


def read_results(path: Path = RESULTS) -> dict[str, Any]:
    """Return the kept results by row name; empty when nothing was measured yet."""
    return dict(json.loads(path.read_text())["rows"]) if path.exists() else {}


def keep_result(name: str, found: dict[str, Any], path: Path = RESULTS) -> dict[str, Any]:
    """Put a row's result in place of its last one and return all results by row name."""
    rows = read_results(path)
    rows[name] = {"measured_at": now().isoformat(timespec="seconds")} | found
    document = {"machine": machine(), "rows": dict(sorted(rows.items()))}
    incomplete = path.with_suffix(".new")
    incomplete.write_text(json.dumps(document, indent=1) + "\n")
    incomplete.replace(path)
    return dict(document["rows"])


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processors, memory in GiB, system and Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return {
        "processors": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
