"""Read API: CPU of a request for the hot list of 50 issues, server and database together, against a bare ASGI limit.

The limit is an ASGI application without framework, session, row security and ETag, whose one json_agg statement gives
the same issues over asyncpg. Both run as processes of their own under uvicorn; their CPU and that of their database
backends is read from /proc. The lists must be the same, or the row fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.history import EMAIL, PASSWORD, History, history
from bench.measure import in_turns
from bench.report import Bound, Report, compared, grown
from bench.servers import Server, body_of, free_port, running
from bench.workplace import Workplace
from opsintel.db.embedded import ADMIN, SERVICE

SIZES = (10_000, 100_000, 1_000_000)
PATH = "/v1/issues?limit=50"
ROUNDS = 5
OURS, LIMIT = "ours", "bare ASGI + asyncpg + json_agg"
LEAST_CPU = 1.0
"""CPU seconds of a measurement: the kernel counts in hundredths."""


def run(workplace: Workplace) -> Report:
    """Measure both at three sizes of history."""
    lines, ours, limit = [], {}, {}
    for size in SIZES:
        with history(workplace, size) as past, _contenders(past, workplace.folder) as contenders:
            in_turns(contenders, 1)
            values = in_turns(contenders, ROUNDS)
        ours[size], limit[size] = values[OURS], values[LIMIT]
        bound = Bound(0.8, 0.9) if size == SIZES[-1] else None
        what = f"50 issues of {size:,} messages"
        lines.append(compared(what, "ms CPU", values, ours=OURS, peer=LIMIT, bound=bound, inverted=True))
    return Report(
        lines,
        [
            grown("a request by messages stored", "ms CPU", ours, Bound(0.1, at_most=True)),
            grown("the limit by messages stored", "ms CPU", limit),
        ],
        ["PostGraphile and Fastify with pg are not among the peers yet: nothing installs them."],
    )


@contextmanager
def _contenders(past: History, logs: Path) -> Iterator[dict[str, Callable[[], float]]]:
    """Yield both servers as functions that return the milliseconds of CPU of a request."""
    installed = past.installed
    ports = free_port(), free_port()
    unlimited = {"OPSINTEL_API_READS_PER_MINUTE": "0"}
    api = installed.environment | unlimited | {"API_ADDR": f"127.0.0.1:{ports[0]}"}
    bare = {"BENCH_DATABASE": installed.admin_url, "BENCH_TENANT": str(past.tenant_id)}
    uvicorn = ["-m", "uvicorn", "bench.peers.bare_asgi:app", "--port", str(ports[1]), "--no-access-log"]
    with (
        running(["-m", "opsintel_api"], api, ports[0], SERVICE, logs / "api.log") as ours,
        running([*uvicorn, "--log-level", "warning"], bare, ports[1], ADMIN, logs / "bare.log") as limit,
        psycopg.connect(installed.admin_url, autocommit=True) as database,
    ):
        headers = {"Authorization": f"Bearer {_token(ours)}"}
        with ours.connection() as first, limit.connection() as second:
            lists = [json.loads(body_of(c, PATH, headers))["items"] for c in (first, second)]
        if [_comparable(issue) for issue in lists[0]] != [_comparable(issue) for issue in lists[1]]:
            raise AssertionError("the two lists differ")
        yield {OURS: lambda: _cpu(ours, headers, database), LIMIT: lambda: _cpu(limit, headers, database)}


def _cpu(server: Server, headers: dict[str, str], database: psycopg.Connection) -> float:
    """Return the milliseconds of CPU of a request, over as many as make it certain."""
    requests = 0
    before = server.cpu(database)
    with server.connection() as connection:
        while (used := server.cpu(database) - before) < LEAST_CPU:
            for _ in range(20):
                body_of(connection, PATH, headers)
            requests += 20
    return used / requests * 1000


def _token(server: Server) -> str:
    with server.connection() as connection:
        content = json.dumps({"email": EMAIL, "password": PASSWORD})
        connection.request("POST", "/v1/auth/login", content, {"Content-Type": "application/json"})
        return str(json.loads(connection.getresponse().read())["access_token"])


def _comparable(issue: dict[str, object]) -> dict[str, object]:
    return issue | {"sources": sorted(issue["sources"])}  # type: ignore[call-overload]
