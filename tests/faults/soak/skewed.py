"""Runs a module of the product with a wrong clock: `python -m tests.faults.soak.skewed SECONDS MODULE ARGUMENT…`."""

from __future__ import annotations

import runpy
import sys
import time
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace

from opsintel import clock, ids


def skew(seconds: float) -> None:
    """Have the product's clock and its identifiers be off by so much, in this process."""

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    clock.datetime = Skewed  # type: ignore[misc]
    ids.time = SimpleNamespace(time_ns=lambda: time.time_ns() + int(seconds * 1e9))  # type: ignore[assignment]


if __name__ == "__main__":
    skew(float(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
