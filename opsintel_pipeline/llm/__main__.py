"""Serve calls from standard input to standard output until the input ends."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    from opsintel_pipeline.llm.serve import serve

    serve(sys.stdin.buffer, answers)
