"""What answers hold and what they never hold: declared fields only, no stack, no SQL; and how much may be asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from opsintel.access.roles import matrix
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import DatabaseError
from opsintel_api.app import ROUTERS, build_api
from opsintel_api.limits import TenantLimits, class_of
from opsintel_api.middleware import MAXIMUM_BODY
from opsintel_api.models.common import MAX_PAGE
from opsintel_api.models.problem import Problem
from tests.access.attack import Api
from tests.access.requests import (
    EVERY,
    JSON,
    OF_TENANTS,
    PROTECTED,
    WITH_BODY,
    fields,
    queries,
    request_of,
    route_of,
)
from tests.isolation.attacks import Operation, document
from tests.seeding import Seeded
from tests.turns import in_turn

pytestmark = pytest.mark.asyncio(loop_scope="module")

INSIDES = (
    "Traceback", 'File "', "site-packages", "asyncpg", "psycopg", "pydantic", "SELECT ", "INSERT ", "UPDATE ", " FROM ",
    "opsintel_app", "opsintel_system", "app.tenant_id", 'relation "', 'column "', "secret_column", "object at 0x",
    "sqlstate",
)  # fmt: skip
FAULTS = {
    "unknown column": (asyncpg.UndefinedColumnError('column "secret_column" does not exist'), 500),
    "twice": (asyncpg.UniqueViolationError("Key (secret_column)=(x) already exists. SELECT 1 FROM message"), 500),
    "row security": (asyncpg.InsufficientPrivilegeError('permission denied for relation "secret_column"'), 500),
    "bad value": (asyncpg.DataError("invalid input for query argument $1: secret_column"), 500),
    "programming": (RuntimeError("<secret_column object at 0x7f00>"), 500),
    "too slow": (asyncpg.QueryCanceledError("canceling statement due to secret_column"), 503),
    "away": (DatabaseError("secret_column at 10.0.0.5 is away"), 503),
}
WRONG = (
    0,
    -1,
    10**40,
    1.5,
    True,
    None,
    [],
    {},
    [[]],
    "",
    " ",
    "x" * 10_001,
    "null",
    "\U0001f426",
    "a\nb",
    "-1",
    "0x10",
)
LISTS = [operation for operation in EVERY if "limit" in queries(operation)]
ROUTES = {
    f"{method} {route.path}": route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
}


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a schema."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


FILES = frozenset({"GET /v1/person-exports/{export_id}/file"})
"""Routes that answer with a file: tests/api/test_person_exports.py looks at it."""

WITHOUT_FIELDS = frozenset(
    {
        ("POST /v1/ingest/{source_id}", "202"),
        ("POST /v1/push/{source_id}", "202"),
        ("POST /v1/push/{source_id}", "200"),
    }
)
"""Answers that say only that something is kept, and the handshake, whose form is the provider's."""


def answers_json(operation: Operation) -> bool:
    """Whether a route's answer is JSON: it is no redirect and no file."""
    described = document()["paths"][operation.path][operation.method]["responses"]
    return "application/json" in described.get("200", {}).get("content", {})


class TestFields:
    async def test_check_05_every_answer_declares_its_fields_and_is_closed(self):
        open_ended = [
            name
            for name, schema in document()["components"]["schemas"].items()
            for one in objects(schema)
            if one.get("additionalProperties") is not False
        ]
        assert open_ended == []
        for operation in EVERY:
            described = document()["paths"][operation.path][operation.method]["responses"]
            for status, response in described.items():
                kind = "application/zip" if operation.route in FILES and status == "200" else "application/json"
                is_empty = status.startswith(("204", "303", "4", "5")) or (operation.route, status) in WITHOUT_FIELDS
                assert is_empty or response["content"][kind]["schema"]

    @pytest.mark.parametrize("operation", [one for one in EVERY if one.reads and answers_json(one)], ids=route_of)
    async def test_check_05_an_answer_holds_declared_fields_only(self, api: Api, acme: Seeded, operation: Operation):
        response = await api.send(request_of(operation, acme))
        assert response.status_code == 200
        model = TypeAdapter(ROUTES[operation.route].response_model)
        model.validate_json(response.content)
        answer = response.json()
        assert answer
        for part in list(objects_of(answer)):
            part["password_hash"] = 1
            with pytest.raises(ValueError, match=r"password_hash|dictionary|valid"):
                model.validate_python(answer)
            del part["password_hash"]
            break


def objects_of(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of an answer, the outermost first."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_of(part)


class TestCaps:
    @pytest.mark.parametrize("operation", LISTS, ids=route_of)
    async def test_check_06_a_page_has_an_end(self, api: Api, acme: Seeded, operation: Operation):
        sent = request_of(operation, acme)
        assert (await api.send(sent.asking(limit=str(MAX_PAGE)))).status_code == 200
        for limit in (MAX_PAGE + 1, 0, -1, 10**9, "all", "1e3", ""):
            assert (await api.send(sent.asking(limit=str(limit)))).status_code == 422

    @pytest.mark.parametrize("operation", EVERY, ids=route_of)
    async def test_check_06_a_body_has_an_end(self, api: Api, acme: Seeded, operation: Operation):
        sent = request_of(operation, acme)
        response = await api.send(sent, content=b" " * (MAXIMUM_BODY + 1), headers=[JSON])
        assert response.status_code == 413
        for length in ("-1", "9" * 30, "1e3", "+1", " ", "１"):
            headers = [(b"Content-Length", length.encode()), JSON]
            assert (await api.send(sent, content=b"", headers=headers)).status_code in (400, 413)

    @pytest.mark.parametrize("operation", WITH_BODY, ids=route_of)
    async def test_check_06_a_body_in_chunks_has_the_same_end(self, api: Api, acme: Seeded, operation: Operation):
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 100_000
                yield b" " * 100_000

        response = await api.send(request_of(operation, acme), content=endless(), headers=[JSON])
        assert response.status_code == 413 or (response.status_code, read) == (404, 0)  # not offered here: not read
        assert read <= MAXIMUM_BODY + 200_000

    @pytest.mark.parametrize("operation", OF_TENANTS, ids=route_of)
    async def test_check_06_a_tenant_has_a_rate(self, api: Api, acme: Seeded, operation: Operation):
        app = api.client._transport.app  # type: ignore[attr-defined]
        services = app.state.services
        spent = TenantLimits(Empty(), services.settings.model_copy(update=dict.fromkeys(QUOTAS, 5)))
        app.state.services = replace(services, limits=spent)
        try:
            response = await api.send(request_of(operation, acme))
        finally:
            app.state.services = services
        assert response.status_code == 429
        assert response.headers["retry-after"] == "7"
        assert class_of(operation.method.upper(), operation.path) in response.headers["ratelimit-policy"]
        Problem.model_validate_json(response.content)

    @pytest.mark.parametrize("operation", PROTECTED, ids=route_of)
    async def test_check_06_a_question_has_an_end(self, api: Api, acme: Seeded, operation: Operation, monkeypatch):
        token = await api.holder(operation.route)
        real, entered = AsyncDatabase.tenant_tx, []

        @asynccontextmanager
        async def slow(self: AsyncDatabase, *of: Any) -> AsyncIterator[Any]:
            entered.append(of)
            async with real(self, *of) as connection:
                await connection.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)")
                yield connection

        monkeypatch.setattr(AsyncDatabase, "tenant_tx", slow)
        response = await api.send(request_of(operation, acme), token)
        if operation.route in ENDS_SESSIONS:
            api.tokens.clear()
        assert response.status_code == 503 if entered else response.status_code < 500
        assert not entered or response.headers["retry-after"] == "5"


ENDS_SESSIONS = frozenset({"POST /v1/auth/logout-everywhere", "POST /v1/auth/switch"})
QUOTAS = ("api_reads_per_minute", "api_searches_per_minute", "api_writes_per_minute")


class Empty:
    """Buckets that hold nothing and fill in seven seconds."""

    async def acquire(self, key: Any, limit: Any, tokens: int = 1) -> float:
        return 7.0

    async def refund(self, key: Any, limit: Any, tokens: int = 1) -> None:
        return None


class TestRoutes:
    async def test_check_07_none_is_missing_from_the_document(self):
        described = {operation.route for operation in EVERY}
        assert set(ROUTES) == described == set(matrix().routes)
        assert len(build_api().routes) == sum(len(router.routes) for router in ROUTERS)

    async def test_check_07_what_is_not_described_is_not_there(self, api: Api):
        for path in (
            "/docs",
            "/redoc",
            "/openapi.json",
            "/v1/docs",
            "/v1/openapi.json",
            "/metrics",
            "/v1",
            "/v1/debug",
        ):
            response = await api.owner("GET", path)
            assert response.status_code in (404, 503)
            assert "swagger" not in response.text
        for operation in EVERY:
            for method in ("TRACE", "CONNECT", "PROPFIND", "DEBUG"):
                assert (await api.owner(method, operation.path)).status_code in (404, 405)


class TestFaults:
    @pytest.mark.parametrize(("operation", "fault"), in_turn(EVERY, list(FAULTS), route_of))
    async def test_check_09_a_fault_of_the_database_tells_nothing(
        self, api: Api, acme: Seeded, operation: Operation, fault: str, monkeypatch
    ):
        error, status = FAULTS[fault]
        token = await api.holder(operation.route)
        for allowed in range(3):  # the first transaction finds the session; those that follow are the route's own
            with monkeypatch.context() as patched:
                failing(patched, error, allowed)
                response = await api.send(request_of(operation, acme), token)
            if operation.route in ENDS_SESSIONS:
                api.tokens.clear()
                token = await api.holder(operation.route)
            if response.status_code >= 500:
                assert response.status_code in (status, 503) if operation.path == "/readyz" else status
            require_clean(response.text)

    @pytest.mark.parametrize("operation", EVERY, ids=route_of)
    async def test_check_09_values_of_wrong_types_tell_nothing(self, api: Api, acme: Seeded, operation: Operation):
        sent = request_of(operation, acme)
        for value in WRONG:
            for name in queries(operation):
                response = await api.send(sent.asking(**{name: str(value)}))
                assert response.status_code < 500, (name, value, response.text)
                require_clean(response.text)
            for name in fields(operation):
                response = await api.send(sent.saying({**(sent.body or {}), name: value}))
                assert response.status_code < 500, (name, value, response.text)
                require_clean(response.text)
            if operation in WITH_BODY:
                content = json.dumps(value).encode()
                response = await api.send(sent, content=content, headers=[JSON])
                assert response.status_code == 422 or value in (None, {})
                require_clean(response.text)
        if operation.route in ENDS_SESSIONS:
            api.tokens.clear()


def failing(patched: pytest.MonkeyPatch, error: Exception, allowed: int) -> None:
    """Let some transactions pass; those that follow fail."""
    begun = 0
    real = AsyncDatabase._transaction

    @asynccontextmanager
    async def transaction(self: AsyncDatabase, begin: str) -> AsyncIterator[Any]:
        nonlocal begun
        begun += 1
        if begun > allowed:
            raise error
        async with real(self, begin) as connection:
            yield connection

    patched.setattr(AsyncDatabase, "_transaction", transaction)


def require_clean(text: str) -> None:
    found = [inside for inside in INSIDES if inside in text]
    assert found == [], text
