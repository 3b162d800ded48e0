"""A run of the stage that is killed: by its model's server while a call is under way, or before it stores."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.llm.ask import Asker
from opsintel.llm.caller import Caller
from opsintel.objects.store import open_objects
from opsintel.partitions import Partition
from opsintel.settings import load_settings
from opsintel_pipeline.analyze import models
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    given = json.loads(os.environ["RUN"])
    settings = load_settings()
    with Database(given["url"]) as database:
        context = Context(database, open_objects(settings), settings)
        host, port = given["server"]
        context.__dict__["asker"] = Asker(database, context.keyring, Caller(Path(given["kept"]), {(host, port)}))
        if given["dies"] == "before it stores":
            models.ByModels._made = die  # type: ignore[method-assign,assignment]
        sys.stdout.write("running\n")
        sys.stdout.flush()
        run(context, Partition(DAY, UUID(given["tenant"]), "acme"))
