"""SQL in every parameter: what a request says reaches the database as a value only, by the server's own log."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

from opsintel.access.roles import matrix
from opsintel.db.engine import Database
from opsintel.settings import Settings
from opsintel_api.app import create_app
from tests.access.attack import Api
from tests.access.conftest import CANARY, UNLIMITED, without_throttle
from tests.access.requests import EVERY, bodies_with, queries, request_of, route_of
from tests.isolation.attacks import Operation
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARK = "zqx7731"
ATTEMPTS = (
    "'",
    "' OR '1'='1",
    "'; DROP TABLE message; --",
    "') UNION SELECT text FROM message --",
    "\\' OR 1=1 --",
    "$1",
    "%27 OR 1=1",
    "*/ OR 1=1 /*",
    "$$ OR 1=1 $$",
    "{{parts}} %s :name",
)
_ENTRY = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*?(LOG|DETAIL|ERROR|STATEMENT|CONTEXT|HINT|WARNING): ", re.MULTILINE
)


class StatementLog:
    """What the server writes of the statements of one database."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._seen = self._size()

    def entries(self) -> list[tuple[str, str]]:
        """Return kind and text of what was logged since the last call."""
        began, self._seen = self._seen, self._size()
        row = self._connection.execute(
            "SELECT pg_read_file('server.log', %s, %s)", (began, self._seen - began)
        ).fetchone()
        assert row is not None
        _, *parts = _ENTRY.split(row[0])
        return list(zip(parts[::2], parts[1::2], strict=True))

    def _size(self) -> int:
        row = self._connection.execute("SELECT size FROM pg_stat_file('server.log')").fetchone()
        assert row is not None
        return int(row[0])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def logged(
    settings: Settings, admin_url: str, acme: Seeded, other: Seeded
) -> AsyncIterator[tuple[Api, StatementLog]]:
    """The application on connections whose every statement the server logs."""
    name = sql.Identifier(urlsplit(admin_url).path.lstrip("/"))
    assert settings.db_url is not None
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET log_statement = 'all'").format(name))
        app = create_app(settings.model_copy(update=UNLIMITED | {"registration": "open"}), settings.db_url)
        async with app.router.lifespan_context(app):
            operator = await without_throttle(app)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
                yield Api(client, acme, operator), StatementLog(connection)
        connection.execute(sql.SQL("ALTER DATABASE {} RESET log_statement").format(name))


async def attack(api: Api, acme: Seeded, operation: Operation) -> list[httpx.Response]:
    """Send each attempt in each parameter and each text of a body of a route."""
    sent = request_of(operation, acme)
    answers = []
    for attempt in ATTEMPTS:
        value = MARK + attempt
        for name in queries(operation):
            answers.append(await api.send(sent.asking(**{name: value})))
        for _, body in bodies_with(operation, acme, value):
            answers.append(await api.send(sent.saying(body)))
        for header in ("Idempotency-Key", "X-Request-ID", "If-None-Match", "Cookie"):
            if operation.reads or operation.route.endswith(("/refresh", "/logout")):
                answers.append(await api.send(sent, headers=[(header, f"opsintel_refresh={value}")]))
    return answers


class TestStatements:
    @pytest.mark.parametrize("operation", EVERY, ids=route_of)
    async def test_check_57_no_parameter_is_ever_part_of_a_statement(
        self, logged: tuple[Api, StatementLog], acme: Seeded, operation: Operation
    ):
        api, log = logged
        for answer in await attack(api, acme, operation):
            assert answer.status_code < 500, answer.text
            assert CANARY not in answer.text or matrix().routes[operation.route] <= matrix().of_operators
        written = [text for kind, text in log.entries() if kind != "DETAIL" and MARK in text]
        assert written == []

    async def test_check_57_what_was_sent_did_reach_the_database_as_values(
        self, logged: tuple[Api, StatementLog], acme: Seeded, database: Database
    ):
        api, log = logged
        for route in ("GET /v1/issues", "GET /v1/search", "POST /v1/auth/login"):
            await attack(api, acme, next(one for one in EVERY if one.route == route))
        bound = " ".join(text for kind, text in log.entries() if kind == "DETAIL" and MARK in text)
        for attempt in ATTEMPTS:
            assert MARK + attempt.replace("'", "''") in bound
        with database.tenant_tx(acme.tenant_id) as connection:
            assert connection.execute("SELECT count(*) FROM message").fetchone() == (25,)

    async def test_check_57_the_log_shows_a_value_that_became_part_of_a_statement(
        self, logged: tuple[Api, StatementLog], admin_url: str
    ):
        _, log = logged
        with psycopg.connect(admin_url) as connection:
            connection.execute(f"SELECT '{MARK} within'")
        assert [kind for kind, text in log.entries() if f"{MARK} within" in text] == ["LOG"]
