"""The worker's sign of life: a file that it touches, for whatever watches over it from outside.

`python -m opsintel_pipeline.worker.heartbeat` ends with 0 while the worker of this host works, else with 1.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from opsintel.settings import load_settings

BEAT_SECONDS = 5.0
LONGEST_SILENCE = 45.0
"""A worker that has done no round for this many seconds hangs, or waits for its database."""


class Heartbeat:
    """Called after every round of the worker; touches the file at most every `BEAT_SECONDS`."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / f"worker-{socket.gethostname()}.alive"
        self._last = -BEAT_SECONDS

    def __call__(self) -> None:
        """Note that a round is done. A disk that takes no file stops no work: then the silence tells."""
        moment = time.monotonic()
        if moment - self._last < BEAT_SECONDS:
            return
        self._last = moment
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            self._path.touch()

    def is_heard(self) -> bool:
        """Tell whether the file was touched within `LONGEST_SILENCE`."""
        try:
            return time.time() - self._path.stat().st_mtime < LONGEST_SILENCE
        except OSError:
            return False


if __name__ == "__main__":
    sys.exit(0 if Heartbeat(load_settings().data_dir).is_heard() else 1)
