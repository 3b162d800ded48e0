"""Authentication: what finding out who sends a request costs, by access token, against one query on such a connection.

The route's dependency runs by itself on the running application, as FastAPI calls it: token verified, session and
membership looked up, scopes compared. The peer asks the database for a constant, and does nothing else. Limits of rate
are off. CPU is that of this process and of the database's backends; the clock, that of calls one after another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from uuid import UUID

import psycopg
from fastapi import FastAPI
from starlette.requests import Request

from bench.measure import Spread, cpu_seconds, ratio
from bench.report import Bound, Line, Report, grown
from bench.workplace import Installed, Workplace
from opsintel.access.tokens import AccessToken, issue, verify
from opsintel.db.embedded import SERVICE
from opsintel.ids import new_id
from opsintel_api.app import create_app
from opsintel_api.auth.principal import authorize
from opsintel_api.services import Services

SIZES = (100, 10_000, 200_000)
"""Sessions stored, of a thousand people and fewer."""

ROUNDS = 7
CALLS = 400
MOST_MS, AIM_MS = 1.0, 0.5
OURS, VERIFY, PEER = "authorize", "verify", "one query for a constant"
ROUTE = "/v1/me"


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a call."""

    cpu: float
    wall: float


_SESSIONS = """
    TRUNCATE refresh_token;
    INSERT INTO refresh_token (id, user_id, tenant_id, family_id, token_hash, expires_at)
    SELECT gen_random_uuid(), person.id, '{tenant}', gen_random_uuid(), sha256(number::text::bytea),
           now() + interval '1 day'
    FROM generate_series(1, {sessions}) AS number
        JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM app_user) AS person
            ON place = 1 + number % {people};
    ANALYZE refresh_token; ANALYZE app_user; ANALYZE membership
"""


def run(workplace: Workplace) -> Report:
    """Measure milliseconds of CPU and of wall clock a call at three numbers of sessions."""
    found: dict[int, dict[str, list[Cost]]] = {}
    with workplace.installation() as installed:
        tenant = _people(installed)
        for size in SIZES:
            token = _sessions(installed, tenant, size)
            found[size] = asyncio.run(_measure(installed, token))
    values = found[SIZES[-1]]
    what = f"a request, {SIZES[-1]:,} sessions stored"
    ours, peer, verified = ([cost.cpu for cost in values[name]] for name in (OURS, PEER, VERIFY))
    lines = [
        Line(what, "ms CPU", Spread.of(ours), bound=Bound(MOST_MS, AIM_MS, at_most=True)),
        Line(what, "ms CPU", Spread.of(ours), PEER, Spread.of(peer), ratio(ours, peer)),
        Line("of it, the token verified", "ms CPU", Spread.of(verified)),
        Line(what, "ms by the clock", Spread.of(cost.wall for cost in values[OURS])),
    ]
    by_size = {size: [cost.cpu for cost in one[OURS]] for size, one in found.items()}
    return Report(lines, [grown("a request by sessions stored", "ms CPU", by_size, Bound(0.1, at_most=True))])


async def _measure(installed: Installed, token: str) -> dict[str, list[Cost]]:
    settings = installed.context.settings.model_copy(update={"api_reads_per_minute": 0})
    app = create_app(settings, installed.service_url)
    async with app.router.lifespan_context(app):
        services: Services = app.state.services

        async def ask() -> None:
            await services.database.system_row("SELECT 1")

        async def check() -> None:
            verify(token, services.token_key)

        request = _request(app, token)
        contenders = {OURS: lambda: authorize(request), PEER: ask, VERIFY: check}
        values: dict[str, list[Cost]] = {name: [] for name in contenders}
        with psycopg.connect(installed.admin_url, autocommit=True) as database:
            for number in range(-1, ROUNDS):
                order = list(contenders.items())
                for name, contender in order if number % 2 == 0 else reversed(order):
                    cost = await _cost(contender, database)
                    if number >= 0:  # the first round warms caches up
                        values[name].append(cost)
        return values


async def _cost(call: Callable[[], Awaitable[None]], database: psycopg.Connection) -> Cost:
    """Return what a call costs, over many."""
    cpu, wall = _cpu(database), time.perf_counter()
    for _ in range(CALLS):
        await call()
    wall = time.perf_counter() - wall
    return Cost((_cpu(database) - cpu) / CALLS * 1000, wall / CALLS * 1000)


def _cpu(database: psycopg.Connection) -> float:
    """Return the CPU seconds used so far by this process and by the backends of the product's login."""
    rows = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = %s", (SERVICE,)
    ).fetchall()
    return time.process_time() + sum(cpu_seconds(row[0]) for row in rows)


def _request(app: FastAPI, token: str) -> Request:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    route = SimpleNamespace(path=ROUTE)
    return Request({"type": "http", "method": "GET", "headers": headers, "route": route, "app": app})


def _people(installed: Installed) -> UUID:
    """Make a tenant with a thousand members, and return its id."""
    tenant = new_id()
    with psycopg.connect(installed.admin_url) as connection:
        connection.execute("INSERT INTO tenant (id, slug, name) VALUES (%s, 'bench', 'Bench')", (tenant,))
        connection.execute(
            "INSERT INTO app_user (id, email, password_hash)"
            " SELECT gen_random_uuid(), format('p%s@example.com', number), '' FROM generate_series(1, 1000) AS number"
        )
        connection.execute(
            "INSERT INTO membership (tenant_id, user_id, role) SELECT %s, id, 'viewer' FROM app_user", (tenant,)
        )
    return tenant


def _sessions(installed: Installed, tenant: UUID, size: int) -> str:
    """Store so many sessions and return an access token of one of them."""
    with psycopg.connect(installed.admin_url, autocommit=True) as connection:
        connection.execute(_SESSIONS.format(tenant=tenant, sessions=size, people=min(size, 1000)).encode())
        row = connection.execute("SELECT user_id, family_id FROM refresh_token ORDER BY token_hash LIMIT 1").fetchone()
    assert row is not None
    return issue(AccessToken(row[0], tenant, row[1]), installed.context.settings.jwt_key())
