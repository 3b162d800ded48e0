"""Asks a history as the API does: a statement, in a transaction, over asyncpg."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg

from bench.history import History
from opsintel.db.engine import APP_ROLE


class Reader:
    """One connection to a history, in a loop of its own, bound to the tenant by row security or to none."""

    def __init__(self, runner: asyncio.Runner, connection: asyncpg.Connection, begin: str) -> None:
        self._runner = runner
        self._connection = connection
        self._begin = begin

    def rows(self, statement: str, *values: Any) -> Sequence[asyncpg.Record]:
        """Return the rows of a statement."""
        return self._runner.run(self._ask(statement, values))[0]

    def milliseconds(self, statement: str, *values: Any) -> float:
        """Return how long a statement takes by the wall clock, its transaction left out."""
        return self._runner.run(self._ask(statement, values))[1] * 1000

    def plan(self, statement: str, *values: Any) -> dict[str, Any]:
        """Return the plan of a statement that was carried out, with the buffers it touched."""
        rows = self.rows(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}", *values)
        return dict(json.loads(rows[0][0])[0]["Plan"])

    async def _ask(self, statement: str, values: Sequence[Any]) -> tuple[Sequence[asyncpg.Record], float]:
        async with self._connection.transaction():
            await self._connection.execute(self._begin)
            began = time.perf_counter()
            rows = await self._connection.fetch(statement, *values)
            return rows, time.perf_counter() - began


@contextmanager
def open_reader(past: History) -> Iterator[Reader]:
    """Yield a reader that row security binds to the history's tenant, as it binds the API."""
    bind = f"SELECT set_config('role', '{APP_ROLE}', true), set_config('app.tenant_id', '{past.tenant_id}', true)"
    with _connected(past.installed.service_url, bind) as reader:
        yield reader


@contextmanager
def open_free_reader(past: History, schema: str) -> Iterator[Reader]:
    """Yield a reader that no policy binds; it finds its tables in a schema first."""
    with _connected(past.installed.admin_url, f"SET LOCAL search_path = {schema}, public") as reader:
        yield reader


def buffers(plan: dict[str, Any]) -> int:
    """Return the shared buffers that a plan touched, found in the cache or not."""
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@contextmanager
def _connected(url: str, begin: str) -> Iterator[Reader]:
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url, server_settings={"timezone": "UTC"}))
        try:
            yield Reader(runner, connection, begin)
        finally:
            runner.run(connection.close())
