"""A run of the stage that is killed, by its model's server while a call is under way, or by itself at a moment."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.llm import ask
from opsintel.llm.ask import Asker
from opsintel.llm.caller import Caller
from opsintel.objects.store import open_objects
from opsintel.partitions import Partition
from opsintel.settings import load_settings
from opsintel_pipeline.analyze import models
from opsintel_pipeline.analyze import run as stage
from opsintel_pipeline.issues import run as issues
from opsintel_pipeline.vectors import by_model
from tests.analyze.conftest import DAY
from tests.faults.mutants import MODEL_CALL

MOMENTS: dict[str, tuple[Any, str]] = {
    "before it sets money aside": (ask, "reserve"),
    "before it makes the call": (Caller, "call"),
    "before it settles": (ask, "settle"),
    "before it stores": (models, "made_of"),
    "once it has stored": (stage, "_count"),
    "before it stores vectors": (by_model._Filling, "_stored"),
}
"""What it dies in place of."""


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    given = json.loads(os.environ["RUN"])
    settings = load_settings()
    with Database(given["url"]) as database:
        context = Context(database, open_objects(settings), settings)
        host, port = given["server"]
        context.__dict__["asker"] = Asker(database, context.keyring, Caller(Path(given["kept"]), {(host, port)}))
        if given["dies"] in MOMENTS:
            place, name = MOMENTS[given["dies"]]
            setattr(place, name, die)
        sys.stdout.write("running\n")
        sys.stdout.flush()
        with MODEL_CALL.applied() if given["mutant"] else nullcontext():
            (issues if given["stage"] == "issues" else stage).run(
                context, Partition(DAY, UUID(given["tenant"]), "acme")
            )
