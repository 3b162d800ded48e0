"""The process that makes calls, killed as it keeps an answer: before that is on the disk, or just after.

Which, the file `dies` beside the answers says; it dies once.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from opsintel_pipeline.llm import kept, serve

write = kept._write


def _write(file: Path, content: bytes) -> None:
    order = file.parent.parent / "dies"
    if order.exists():
        moment = order.read_text()
        order.unlink()
        if moment == "after":
            write(file, content)
        os.kill(os.getpid(), signal.SIGKILL)
    write(file, content)


if __name__ == "__main__":
    kept._write = _write
    serve.serve(sys.stdin.buffer, sys.stdout.buffer)
