"""What surrounds every request: problems, limits, headers, health; and that no tenant sees another."""

from __future__ import annotations

import logging

import pytest

from opsintel.errors import SettingError
from opsintel.settings import load_settings
from opsintel_api import reading
from opsintel_api.app import create_app
from opsintel_api.middleware import MAXIMUM_BODY
from opsintel_api.models.problem import Problem
from tests.api.conftest import CANARY, Get
from tests.api.examples import example, path_of, protected_routes
from tests.seeding import Seeded

JSON = {"Content-Type": "application/json"}
INJECTIONS = ("'", "' OR '1'='1", "1; DROP TABLE message", "%27", "\\", "$1", "*/", "') OR 1=1 --")


class TestProblems:
    async def test_an_unknown_path_of_the_api_is_a_problem_for_browsers_too(self, client):
        response = await client.get("/v1/nothing", headers={"Accept": "text/html"})
        problem = Problem.model_validate_json(response.content)
        assert (response.status_code, problem.status, problem.instance) == (404, 404, "/v1/nothing")
        assert problem.request_id == response.headers["x-request-id"]

    @pytest.mark.parametrize("path", ["/v1/issues", "/v1/auth/login", "/healthz"])
    async def test_another_method_is_405_and_says_which_are_allowed(self, client, path):
        response = await client.request("DELETE", path)
        assert response.status_code == 405
        assert response.headers["allow"] in ("GET, HEAD", "POST")
        Problem.model_validate_json(response.content)

    @pytest.mark.parametrize("path", ["/healthz", "/v1/issues", "/v1/nothing", "/v1/issues/none"])
    async def test_head_is_the_same_without_a_body(self, client, path):
        head, full = await client.head(path), await client.get(path)
        assert (head.status_code, head.content) == (full.status_code, b"")
        assert head.headers["content-length"] == str(len(full.content))
        assert (await client.head("/v1/auth/login")).status_code == 405

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"email": 1}', b"[" * 100_000])
    async def test_a_body_that_cannot_be_read_is_422(self, client, body):
        response = await client.post("/v1/auth/login", content=body, headers=JSON)
        assert response.status_code == 422
        assert response.headers["content-type"] == "application/problem+json"

    async def test_values_of_a_request_are_not_repeated_in_its_problem(self, client):
        response = await client.post("/v1/auth/login", json={"email": "a@b.example", "password": ["s3cret-value"]})
        assert response.status_code == 422
        assert "s3cret-value" not in response.text

    async def test_a_fault_of_ours_tells_nothing_of_its_inside(self, get: Get, monkeypatch, caplog):
        monkeypatch.setattr("opsintel_api.reading.statement", lambda _name: "SELECT secret_column FROM message")
        with caplog.at_level(logging.ERROR):
            response = await get("/v1/sources")
        assert response.status_code == 500
        Problem.model_validate_json(response.content)
        assert "secret_column" not in response.text
        assert response.headers["x-request-id"]

    async def test_a_question_that_takes_too_long_is_503(self, get: Get, monkeypatch):
        slow = "SELECT CASE WHEN $1::date IS NULL THEN '' ELSE pg_sleep(60)::text END"
        monkeypatch.setattr("opsintel_api.reading.statement", lambda _name: slow)
        monkeypatch.setattr(reading.Reading, "transaction", _impatient(reading.Reading.transaction))
        response = await get("/v1/sources")
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")


def _impatient(transaction):
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def opened(self):
        async with transaction(self) as connection:
            await connection.execute("SET LOCAL statement_timeout = 20")
            yield connection

    return opened


class TestBodies:
    async def test_a_body_of_more_than_a_megabyte_is_413(self, client):
        response = await client.post("/v1/auth/login", content=b" " * (MAXIMUM_BODY + 1), headers=JSON)
        assert response.status_code == 413
        Problem.model_validate_json(response.content)

    async def test_one_that_names_no_length_is_cut_off_as_well(self, client):
        sent = 0

        async def endless():
            nonlocal sent
            while True:
                sent += 100_000
                yield b" " * 100_000

        response = await client.post("/v1/auth/login", content=endless(), headers=JSON)
        assert response.status_code == 413
        assert sent <= MAXIMUM_BODY + 200_000

    async def test_a_body_of_another_type_is_refused(self, client, acme: Seeded):
        content = b'{"email": "owner@acme.example", "password": "a long enough password"}'
        response = await client.post("/v1/auth/login", content=content, headers={"Content-Type": "text/plain"})
        assert response.status_code == 422


class TestHeaders:
    async def test_answers_are_not_sniffed_framed_or_kept(self, get: Get):
        headers = (await get("/v1/me")).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers

    async def test_other_sites_get_no_permission(self, get: Get):
        headers = (await get("/v1/issues", headers={"Origin": "https://evil.example"})).headers
        assert not [name for name in headers if name.startswith("access-control-")]

    async def test_a_callers_request_id_is_kept_unless_it_is_odd(self, client):
        for given, kept in (("0123abcd-trace", True), ("x\ty", False), ("x" * 65, False)):
            answered = (await client.get("/healthz", headers={"X-Request-ID": given})).headers["x-request-id"]
            assert (answered == given) is kept


class TestHealth:
    async def test_it_lives_and_is_ready(self, client):
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {
            "status": "ready",
            "checks": {"database": "ok", "migrations": "ok", "keyring": "ok"},
        }

    async def test_without_its_database_it_is_not_ready(self, client):
        services = client._transport.app.state.services
        await services.database.close()
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (503, "not_ready")


class TestStart:
    @pytest.mark.parametrize("missing", ["JWT_SECRET", "MASTER_ENCRYPTION_KEY"])
    def test_without_its_secrets_it_does_not_start(self, settings, missing):
        field = {"JWT_SECRET": "jwt_secret", "MASTER_ENCRYPTION_KEY": "master_encryption_key"}[missing]
        with pytest.raises(SettingError, match=missing):
            create_app(settings.model_copy(update={field: None}), "postgresql://127.0.0.1/none")

    def test_a_weak_secret_is_refused(self):
        with pytest.raises(SettingError, match="JWT_SECRET"):
            load_settings({"JWT_SECRET": "too short"})


class TestIsolation:
    @pytest.mark.parametrize("route", [r for r in protected_routes() if r.startswith("GET")])
    async def test_no_answer_holds_anything_of_another_tenant(self, get: Get, acme: Seeded, other: Seeded, route):
        query = {"q": CANARY} if route.endswith("/search") else {}
        for owner in (acme, other):
            response = await get(path_of(route, owner), **query)
            assert response.status_code in (
                {404} if owner is other and "{" in route else example(route, owner).statuses
            )
            assert CANARY not in response.text
            assert str(other.tenant_id) not in response.text

    async def test_the_canary_is_there_for_its_owner(self, get: Get, other: Seeded):
        for path in ("/v1/me", "/v1/overview", "/v1/issues", "/v1/messages", "/v1/sources"):
            assert CANARY in (await get(path, tenant=other)).text

    @pytest.mark.parametrize("value", INJECTIONS)
    async def test_no_parameter_is_ever_sql(self, get: Get, value):
        for path, name in (
            ("/v1/issues", "q"),
            ("/v1/issues", "state"),
            ("/v1/issues", "sort"),
            ("/v1/issues", "cursor"),
            ("/v1/messages", "q"),
            ("/v1/messages", "kind"),
            ("/v1/messages", "source"),
            ("/v1/overview", "from_"),
            ("/v1/timeseries", "metric"),
            ("/v1/search", "q"),
        ):
            response = await get(path, **{name: value})
            assert response.status_code in (200, 422)
            assert CANARY not in response.text
