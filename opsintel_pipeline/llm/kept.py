"""Answers on the disk, so that a call is paid for once even where whoever wanted it was killed meanwhile.

`<folder>/<tenant>/<key>` holds an answer for a day; whoever makes the call of a key holds a lock beside it. What was
masked before the call is masked in the answer. Erasure removes a tenant's folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from opsintel.llm.call import Answer, Call

KEPT_SECONDS = 24 * 3600.0


class Kept:
    """The answers of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._forget_old()

    def once(self, call: Call, make: Callable[[], Answer]) -> Answer:
        """Return the answer that is kept, else what `make` returns, kept; raises as `make` does."""
        folder = self._folder / str(call.tenant_id)
        folder.mkdir(exist_ok=True, mode=0o700)
        file = folder / call.key
        with _locked(folder / f"{call.key}.lock"):
            if file.exists():
                return replace(Answer.of(json.loads(file.read_bytes())), was_kept=True)
            answer = make()
            _write(file, json.dumps(answer.frame()).encode())
        return answer

    def _forget_old(self) -> None:
        oldest = time.time() - KEPT_SECONDS
        for file in self._folder.glob("*/*"):
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _write(file: Path, content: bytes) -> None:
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.{time.monotonic_ns()}")
    with unfinished.open("wb") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(file)
