"""Which files of the product each probe runs: a probe that does not run a file cannot notice a change of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tests.isolation.mutants.source import ROOT

_PREFIX = f"{ROOT}/"


@contextmanager
def recording() -> Iterator[set[str]]:
    """Yield a set that fills with the files whose functions run meanwhile, as paths from the root."""
    seen: set[str] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            seen.add(frame.f_code.co_filename)

    kept = sys.getprofile()
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(kept)
        paths = {name.removeprefix(_PREFIX) for name in seen if name.startswith(_PREFIX)}
        seen.clear()
        seen.update(paths)
