"""A process that reads files again and again by the product's feed: `python -m tests.faults.soak.producer FILE…`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psycopg

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.errors import OpsintelError
from opsintel.objects.store import open_objects
from opsintel.settings import load_settings
from opsintel.sources.source import ensure_source
from opsintel.tenants import find_tenant
from opsintel_pipeline.ingest.feed import run_feed

PAUSE_SECONDS = 0.3


def main(files: list[str]) -> None:
    """Read each file into the tenant it is named after, for ever; what fails is tried again."""
    settings = load_settings()
    with Database(str(settings.db_url), max_size=2) as database:
        context = Context(database, open_objects(settings), settings)
        while True:
            for path in map(Path, files):
                try:
                    tenant = find_tenant(database, path.stem)
                    source = ensure_source(
                        database, tenant.id, "jsonl", path.stem, {"path": str(path)}, config_key=path.stem
                    )
                    run_feed(context, tenant, source)
                except (OpsintelError, psycopg.Error) as error:
                    sys.stderr.write(f"{type(error).__name__}: {str(error)[:200]}\n")
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
