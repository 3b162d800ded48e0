"""The database server that the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from opsintel.db.embedded import ADMIN, Access, EmbeddedServer

FORGETFUL = ("fsync", "synchronous_commit", "full_page_writes", "wal_compression")
"""What is turned off: nobody restarts this server, and every commit would wait for the disk."""


@contextmanager
def forgetful_server(folder: Path) -> Iterator[Access]:
    """Run the embedded server in a folder; what it holds is lost where the machine fails.

    Tests of what outlives a kill or a restart have an `EmbeddedServer` of their own.
    """
    with EmbeddedServer(folder).use() as access:
        with psycopg.connect(access.url(ADMIN, "postgres"), autocommit=True) as connection:
            for name in FORGETFUL:
                connection.execute(f"ALTER SYSTEM SET {name} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield access
