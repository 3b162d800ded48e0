"""`python -m tests.erasure.dying`: erasures of tenants, each in a process that kills itself at a boundary of its steps.

Reads {"environment", "erasures": [[tenant, erasure, boundary], ...]} from standard input. A child for each is forked
before anything is opened; it ends by SIGKILL after so many transactions, or as it calls the function of this name, and
the exit codes are printed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any
from uuid import UUID

from opsintel.context import open_context
from opsintel.db.engine import Database
from opsintel.settings import load_settings
from opsintel_pipeline.erasure import tenant
from opsintel_pipeline.erasure.run import perform


def _count_down(boundary: int) -> None:
    """Kill this process as transaction number `boundary` is about to begin."""
    begun = 0
    original = Database._transaction

    def counted(database: Database, *arguments: Any) -> Any:
        nonlocal begun
        begun += 1
        if begun > boundary:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(database, *arguments)

    Database._transaction = counted  # type: ignore[method-assign]


def _die(environment: dict[str, str], tenant_id: str, erasure_id: str, boundary: int | str) -> None:
    with open_context(load_settings(environment)) as context:
        if isinstance(boundary, int):
            _count_down(boundary)
        else:
            setattr(tenant, boundary, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        perform(context, UUID(tenant_id), UUID(erasure_id))


def main() -> None:
    """Let each erasure die, one after the other."""
    given = json.load(sys.stdin)
    codes = []
    for tenant_id, erasure_id, boundary in given["erasures"]:
        child = os.fork()
        if child == 0:
            _die(given["environment"], tenant_id, erasure_id, boundary)
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    json.dump(codes, sys.stdout)


if __name__ == "__main__":
    main()
