"""The limit of the read API: a bare ASGI application that sends what one json_agg statement gives over asyncpg.

No framework, no session, no row security, no cursor, no ETag. BENCH_DATABASE and BENCH_TENANT say what it reads.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

import asyncpg

STATEMENT = """
    SELECT json_build_object('items', coalesce(json_agg(item), '[]'))::text FROM (
        SELECT json_build_object(
            'id', id, 'number', number, 'title', title, 'category', category, 'severity', severity, 'state', state,
            'first_seen', first_seen, 'last_seen', last_seen, 'messages', messages, 'customers', customers,
            'sources', sources,
            'trend', (
                SELECT json_agg(coalesce(fact.messages, 0) ORDER BY place)
                FROM generate_series(0, 29) AS place LEFT JOIN fact_issue_day AS fact
                    ON fact.tenant_id = $1 AND fact.issue_id = issue.id AND fact.day = current_date - 29 + place)
            ) AS item
        FROM issue WHERE tenant_id = $1 AND merged_into IS NULL
        ORDER BY coalesce(last_seen, created_at) DESC, id DESC LIMIT 50) AS page
"""


class Application:
    """Answers every request with the statement's text."""

    def __init__(self) -> None:
        self._tenant = UUID(os.environ["BENCH_TENANT"])
        self._pool: Any = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Open the pool when the server starts; answer a request."""
        if scope["type"] == "lifespan":
            await receive()
            self._pool = await asyncpg.create_pool(
                os.environ["BENCH_DATABASE"], min_size=1, max_size=8, server_settings={"timezone": "UTC"}
            )
            await send({"type": "lifespan.startup.complete"})
            return
        async with self._pool.acquire() as connection:
            body = (await connection.fetchval(STATEMENT, self._tenant)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


app = Application()
