"""Tenants with a long past, written straight into the tables: for rows that read at a million messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from bench.texts import texts
from bench.workplace import Installed, Workplace
from opsintel.access.accounts import create_user
from opsintel.tenants import create_tenant, find_tenant

DAYS = 365
TEXTS = 5_000
EMAIL, PASSWORD = "reader@history.example", "a long enough password"
_STATEMENTS = Path(__file__).with_suffix(".sql")


@dataclass(frozen=True)
class History:
    """An installation whose tenant `history` has so many messages, and has neighbours."""

    size: int
    installed: Installed
    tenant_id: UUID


@contextmanager
def history(workplace: Workplace, size: int, neighbours: Sequence[int] | None = None) -> Iterator[History]:
    """Yield the history of a size, made once for all rows of the run.

    `neighbours` are the sizes of the other tenants: two of a tenth each where they are not given.
    """
    sizes = [size, *(neighbours if neighbours is not None else (size // 10, size // 10))]
    name = f"history_{size}_{len(sizes)}"
    with workplace.kept_installation(name, lambda installed: _fill(installed, sizes)) as installed:
        yield History(size, installed, find_tenant(installed.context.database, "history").id)


def _fill(installed: Installed, sizes: Sequence[int]) -> None:
    database = installed.context.database
    tenant = create_tenant(database, "history", "History")
    create_user(database, EMAIL, "Reader", PASSWORD, tenant.id, "owner")
    others = [create_tenant(database, f"neighbour-{number}", "Neighbour") for number in range(1, len(sizes))]
    with psycopg.connect(installed.admin_url, cursor_factory=psycopg.ClientCursor) as connection:
        # What is written is consistent by itself: checking a million references would take longer than writing them.
        connection.execute("SET session_replication_role = replica")
        _write_texts(connection)
        for number, (owner, count) in enumerate(zip([tenant, *others], sizes, strict=True), 1):
            values = {
                "tenant": owner.id, "tenant_number": number, "count": count, "days": DAYS, "texts": TEXTS,
                "people": max(100, count // 20), "issues": max(60, count // 500),
            }  # fmt: skip
            connection.execute(_STATEMENTS.read_bytes(), values)
            connection.commit()
    with psycopg.connect(installed.admin_url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def _write_texts(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE bench_text (number int PRIMARY KEY, subject text, body text)")
    with connection.cursor().copy("COPY bench_text FROM STDIN") as copy:
        for number, text in enumerate(texts(TEXTS, 200), 1):
            copy.write_row((number, text.subject, text.body))
