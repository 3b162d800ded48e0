"""Every route × every role, made from scopes.toml; nothing is open by accident."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from fastapi import FastAPI

from opsintel.access.roles import OPEN, ROLES, SESSION, Matrix, matrix, read_matrix
from opsintel.errors import AccessError
from opsintel_api.app import build_api
from opsintel_api.openapi import openapi_document
from tests.api.conftest import Get, Send
from tests.api.examples import example, path_of, protected_routes
from tests.seeding import Seeded

PUBLIC = {
    "POST /v1/auth/login",
    "POST /v1/auth/refresh",
    "POST /v1/auth/logout",
    "GET /v1/auth/options",
    "GET /v1/auth/sso/start",
    "GET /v1/auth/sso/callback",
    "POST /v1/auth/sso/invitation",
    "POST /v1/auth/register",
    "POST /v1/auth/register/confirm",
    "POST /v1/auth/reset",
    "POST /v1/auth/reset/confirm",
    "POST /v1/auth/invitations/inspect",
    "POST /v1/auth/invitations/accept",
    "GET /v1/sources/oauth/{app}/callback",
    "POST /v1/push/{source_id}",
    "POST /v1/ingest/{source_id}",
    "GET /healthz",
    "GET /readyz",
}
PROTECTED = protected_routes()


def described() -> set[str]:
    return {
        f"{method.upper()} {path}" for path, operations in openapi_document()["paths"].items() for method in operations
    }


class TestMatrix:
    def test_every_route_has_exactly_one_entry(self):
        assert described() == set(matrix().routes)

    def test_only_these_routes_are_open(self):
        assert {route for route, need in matrix().routes.items() if need == OPEN} == PUBLIC

    def test_every_protected_route_declares_its_token(self):
        paths = openapi_document()["paths"]
        for route in PROTECTED:
            method, path = route.split()
            assert paths[path][method.lower()]["security"] == [{"HTTPBearer": []}], route

    def test_an_unlisted_route_is_refused(self):
        with pytest.raises(AccessError):
            matrix().requirement("GET", "/v1/unlisted")

    def test_an_unknown_role_has_no_rights(self):
        assert not matrix().allows("", SESSION)
        assert not matrix().allows("root", frozenset({"insights.read"}))

    def test_a_role_holds_what_the_roles_below_hold(self):
        held = [matrix().scopes[role] for role in ROLES]
        assert all(lower < upper for upper, lower in zip(held, held[1:], strict=False))


class TestWhatARouteNeeds:
    def test_of_two_scopes_both(self):
        need = read(["insights.read", "audit.read"]).requirement("GET", "/v1/one")
        for held in ((), ("insights.read",), ("audit.read",)):
            assert not matrix().admits("service_key", held, need)
        assert matrix().admits("service_key", ("insights.read", "audit.read"), need)
        assert [role for role in ROLES if matrix().allows(role, need)] == ["owner", "admin"]

    @pytest.mark.parametrize("need", [[], ["open", "insights.read"], ["session", "insights.read"], "unknown", 1, [1]])
    def test_is_something_that_is_declared(self, need):
        with pytest.raises(AccessError):
            read(need)


def read(need: object) -> Matrix:
    """Return the matrix of a file with one route."""
    text = resources.files("opsintel.access").joinpath("scopes.toml").read_text()
    return read_matrix(f'{text.partition("[routes]")[0]}[routes]\n"GET /v1/one" = {json.dumps(need)}\n')


class TestEveryRouteAndRole:
    async def test_without_a_token_it_is_401(self, client):
        for route in PROTECTED:
            method, path = route.split()
            response = await client.request(method, path.replace("{", "").replace("}", ""))
            assert response.status_code == 401, route

    @pytest.mark.parametrize("route", PROTECTED)
    async def test_the_matrix_decides(self, send: Send, acme: Seeded, route):
        asked = example(route, acme)
        for role in ROLES:
            expected = asked.statuses if matrix().allows(role, matrix().routes[route]) else {403}
            response = await send(route.split()[0], path_of(route, acme), role=role, json=asked.body, **asked.query)
            assert response.status_code in expected, role

    async def test_taking_a_scope_away_closes_its_routes(self, get: Get, acme: Seeded, monkeypatch):
        assert (await get("/v1/issues", role="viewer")).status_code == 200
        poorer = Matrix({**matrix().scopes, "viewer": frozenset()}, matrix().routes)
        monkeypatch.setattr("opsintel_api.auth.principal.matrix", lambda: poorer)
        assert (await get("/v1/issues", role="viewer")).status_code == 403
        assert (await get("/v1/issues", role="analyst")).status_code == 200


class TestOpenApi:
    def test_operation_ids_are_function_names_and_unique(self):
        ids = [op["operationId"] for path in openapi_document()["paths"].values() for op in path.values()]
        assert len(ids) == len(set(ids))
        assert {"login", "refresh", "logout", "get_me", "list_issues", "get_message", "search_messages"} <= set(ids)

    def test_every_error_is_a_problem(self):
        for path, operations in openapi_document()["paths"].items():
            for operation in operations.values():
                for status, response in operation["responses"].items():
                    if int(status) >= 400 and (path, status) != ("/readyz", "503"):
                        assert list(response["content"]) == ["application/problem+json"]

    def test_the_document_of_the_dashboard_is_the_present_one(self, pytestconfig):
        import json

        kept = pytestconfig.rootpath / "frontend" / "openapi.json"
        assert json.loads(kept.read_text()) == openapi_document()

    def test_it_needs_no_settings_and_no_database(self):
        assert isinstance(build_api(), FastAPI)
