"""The provider: a file for each tenant, to which messages are added all the time; all of them are to be processed."""

from __future__ import annotations

import json
import os
import random
import threading
from datetime import timedelta
from pathlib import Path

from opsintel.clock import now

DAYS = 5
SUBJECTS = ("invoice", "parcel", "log-in", "refund", "delivery window", "label", "contract", "reminder")


class Mail:
    """Adds messages at a rate, in a thread of its own."""

    def __init__(self, files: list[Path], rate: float, seed: int) -> None:
        self._files = [path.open("ab", buffering=0) for path in files]
        self._random = random.Random(seed)
        self._rate = rate
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write, name="mail")
        self.count = 0
        for file in self._files:
            self._add(file)  # a file without a line is none
        self._thread.start()

    def stop(self) -> None:
        """Add no more."""
        self._stopped.set()
        self._thread.join()
        for file in self._files:
            os.fsync(file.fileno())
            file.close()

    def _write(self) -> None:
        while not self._stopped.wait(1 / self._rate):
            self._add(self._random.choice(self._files))

    def _add(self, file: object) -> None:
        self.count += 1
        moment = now() - timedelta(days=self._random.randrange(DAYS), seconds=self._random.randrange(80_000))
        subject = self._random.choice(SUBJECTS)
        row = {
            "id": f"m{self.count}",
            "text": f"The {subject} number {self.count} is wrong since {moment:%A}, please look at it.",
            "subject": f"{subject} {self.count}",
            "occurred_at": moment.isoformat(),
            "author_email": f"customer{self.count % 97}@buyer.example",
        }
        file.write(json.dumps(row).encode() + b"\n")  # type: ignore[attr-defined]
