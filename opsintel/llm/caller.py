"""Makes model calls in a process of its own, which holds neither the master key nor a way into the database.

That process lives as long as this one, ends its calls when this one dies, and keeps each answer on the disk before it
hands it over: what was paid for is found again by whoever asks next (opsintel_pipeline/llm).
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from opsintel.closing import Closing
from opsintel.llm.batch.order import Order, Told
from opsintel.llm.call import Answer, Call, Fault, ModelError

PROGRAM = "opsintel_pipeline.llm"
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "VIRTUAL_ENV", "PYTHONPATH")
"""All that the process gets of this one's environment."""

PATIENCE_SECONDS = 30.0
"""How much longer than the call itself its answer is waited for: the process has to start, and may be busy."""


class Caller(Closing):
    """Makes calls; safe for threads. The process starts with the first call."""

    def __init__(self, kept: Path, local_servers: Iterable[tuple[str, int]]) -> None:
        self._kept = kept
        self._local_servers = sorted(local_servers)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._listener = threading.Thread()
        self._waiting: dict[int, tuple[subprocess.Popen[bytes], Future[dict[str, Any]]]] = {}

    def call(self, call: Call) -> Answer:
        """Return the answer; raises `ModelError`."""
        told = self._exchanged({"call": call.frame()}, call.seconds)
        return Answer.of(told["answer"])

    def order(self, order: Order) -> Told:
        """Return what came of a step with a batch; raises `ModelError`."""
        return Told.of(self._exchanged({"order": order.frame()}, order.seconds)["told"])

    def _exchanged(self, frame: dict[str, Any], seconds: float) -> dict[str, Any]:
        number = next(self._numbers)
        future: Future[dict[str, Any]] = Future()
        try:
            with self._lock:
                process = self._started()
                self._waiting[number] = (process, future)
                self._send(process, {"number": number, **frame})
            told = future.result(seconds + PATIENCE_SECONDS)
        except TimeoutError:
            message = f"No answer within {seconds:g} s"
            raise ModelError(Fault.UNREACHABLE, message, may_be_paid=True) from None
        finally:
            self._waiting.pop(number, None)
        if "fault" in told:
            raise ModelError.of(told["fault"])
        return told

    def close(self) -> None:
        """Let the process end: it finishes what it began."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()
            self._listener.join()

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return self._process.pid if self._process else None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                [sys.executable, "-m", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                cwd="/",
                start_new_session=True,
            )
            self._send(self._process, {"kept": str(self._kept), "local_servers": self._local_servers})
            self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
            self._listener.start()
        return self._process

    def _send(self, process: subprocess.Popen[bytes], frame: dict[str, Any]) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(frame).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            raise _ended(may_be_paid=False) from None

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                told = json.loads(line)
                _, future = self._waiting.get(told["number"], (process, None))
                if future is not None:
                    future.set_result(told)
        process.wait()  # who asks again finds it ended, and starts another
        with self._lock, suppress(OSError):
            waiting = list(self._waiting.values())
            if process.stdin is not None:
                process.stdin.close()
        for of, future in waiting:
            if of is process and not future.done():
                future.set_result({"fault": _ended(may_be_paid=True).frame()})


def _ended(*, may_be_paid: bool) -> ModelError:
    message = "The process that makes model calls ended"
    return ModelError(Fault.UNREACHABLE, message, remedy="It is started again", may_be_paid=may_be_paid)
