"""A child process that may take so much memory and time and no more, so that a bomb harms nobody."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CPU_SECONDS = 60
ADDRESS_SPACE = 1536 * 1024 * 1024
"""Bytes; the libraries of the product map half of it before anything is read."""

_RUN = """
import json, sys
from {module} import {function}
print(json.dumps([{function}(name) for name in json.loads(sys.argv[1])]))
"""


def confined(module: str, function: str, names: Sequence[str]) -> list[Any]:
    """Return what a function of a module returns for each name, called in a child that is bound."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(module=module, function=function), json.dumps(list(names))],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        preexec_fn=_bound,
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2000:]}"
    found: list[Any] = json.loads(done.stdout)
    return found


def peak_megabytes() -> int:
    """Return the most memory that this process has held at once."""
    # Not getrusage's: that begins with what the parent held when it forked.
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(peak) // 1024


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
