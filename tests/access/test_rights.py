"""Who may use which route: every role, key, limited member and operator, made from scopes.toml; deny by default."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import jwt
import pytest
import pytest_asyncio

from opsintel.access.accounts import create_user
from opsintel.access.roles import OPEN, ROLES, SESSION, Kind, Requirement, Role, matrix
from opsintel.access.tokens import TYPE
from opsintel.db.engine import Database
from opsintel.settings import Settings
from opsintel_api.app import build_api
from opsintel_api.routes import open_router, protected_router
from tests.access.attack import Api
from tests.access.people import log_in
from tests.access.requests import EVERY, OF_TENANTS, PROTECTED, request_of, route_of
from tests.isolation.attacks import Operation
from tests.seeding import PASSWORD, Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDS_SESSIONS = frozenset({"POST /v1/auth/logout-everywhere", "POST /v1/auth/switch"})
DENIED = (401, 403)
OF_ITS_MAKER = {"PUT /v1/filters/{filter_id}", "DELETE /v1/filters/{filter_id}"}
"""Routes that a scope opens for what its holder made; the rest takes another scope."""
MADE_BY_ANOTHER = "somebody else's"
LIMITED = "limited@acme.example"


def need_of(operation: Operation) -> Requirement:
    return matrix().routes[operation.route]


async def is_let_in(api: Api, acme: Seeded, operation: Operation, token: str) -> bool:
    """Tell whether a route is opened by a token; the answers of refusals are problems."""
    response = await api.send(request_of(operation, acme), token)
    assert response.status_code < 500, response.text
    if operation.route in ENDS_SESSIONS:
        api.tokens.clear()
    if response.status_code in DENIED:
        assert response.headers["content-type"] == "application/problem+json"
    return response.status_code not in DENIED or (operation.route in OF_ITS_MAKER and MADE_BY_ANOTHER in response.text)


def told(response: httpx.Response) -> str:
    """Return what an answer tells, without the id of its request."""
    return re.sub(r'"request_id":"[^"]*"', "", response.text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keys(api: Api) -> AsyncIterator[dict[str, str]]:
    """A service key with every scope that keys may hold, and one for each scope alone."""
    values = {}
    scopes = sorted(matrix().of_service_keys)
    for name, held in {"all": scopes, **{scope: [scope] for scope in scopes}}.items():
        body = {"name": name, "scopes": held}
        made = await api.owner("POST", "/v1/service-keys", json=body)
        assert made.status_code == 201, made.text
        values[name] = made.json()["value"]
    yield values


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def limited(api: Api, database: Database, acme: Seeded) -> str:
    """The token of an owner who is limited to one source."""
    user = create_user(database, LIMITED, "Limited", PASSWORD, acme.tenant_id, "owner")
    with database.system_tx() as connection:
        connection.execute("UPDATE membership SET source_ids = %s WHERE user_id = %s", ([acme.sources["mbox"]], user))
    token: str = (await log_in(api.client, LIMITED)).json()["access_token"]
    return token


class TestEveryRoute:
    @pytest.mark.parametrize("role", ROLES)
    @pytest.mark.parametrize("operation", PROTECTED, ids=route_of)
    async def test_check_03_opens_for_the_roles_that_the_matrix_names(
        self, api: Api, acme: Seeded, operation: Operation, role: Role
    ):
        expected = matrix().allows(role, need_of(operation))
        assert await is_let_in(api, acme, operation, await api.token(role)) is expected

    @pytest.mark.parametrize("operation", PROTECTED, ids=route_of)
    async def test_check_03_opens_for_keys_by_their_scopes_alone(
        self, api: Api, acme: Seeded, keys: dict[str, str], operation: Operation
    ):
        for name, value in keys.items():
            held = matrix().of_service_keys if name == "all" else {name}
            expected = matrix().admits("service_key", held, need_of(operation))
            assert await is_let_in(api, acme, operation, value) is expected, name

    @pytest.mark.parametrize("operation", PROTECTED, ids=route_of)
    async def test_check_03_opens_for_limited_people_as_far_as_limits_allow(
        self, api: Api, acme: Seeded, limited: str, operation: Operation
    ):
        if operation.route in ENDS_SESSIONS:
            return
        held = matrix().of_member("owner", limited=True)
        assert await is_let_in(api, acme, operation, limited) is matrix().admits("person", held, need_of(operation))

    @pytest.mark.parametrize("operation", PROTECTED, ids=route_of)
    async def test_check_03_opens_for_operators_where_it_is_theirs(self, api: Api, acme: Seeded, operation: Operation):
        expected = need_of(operation) <= matrix().of_operators
        assert await is_let_in(api, acme, operation, api.operator) is expected

    @pytest.mark.parametrize("operation", PROTECTED, ids=route_of)
    async def test_check_03_opens_for_nobody_without_a_token(self, api: Api, acme: Seeded, operation: Operation):
        for token in ("", "x", "ops_x", "opo_x", "null", f"{await api.token('owner')}x"):
            response = await api.send(request_of(operation, acme), token)
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"

    async def test_check_03_is_open_only_where_the_matrix_says_so(self):
        kinds: tuple[Kind, ...] = ("person", "service_key", "operator")
        for operation in EVERY:
            if need_of(operation) not in (OPEN, SESSION):
                assert not any(matrix().admits(kind, (), need_of(operation)) for kind in kinds)

    @pytest.mark.parametrize("made", [protected_router, open_router])
    async def test_check_03_that_is_not_listed_is_refused(self, api: Api, made):
        app = build_api()
        router = made("unlisted")
        router.add_api_route("/unlisted", lambda: {"secret": 1}, methods=["GET"], name="unlisted")
        app.include_router(router)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            token = await api.token("owner")
            for path in ("/v1/unlisted", "/unlisted"):
                answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code in (403, 404)
                assert "secret" not in answer.text
            assert answer.status_code == 403 or made is protected_router


class TestTenantOfTheToken:
    @pytest.mark.parametrize("operation", OF_TENANTS, ids=route_of)
    async def test_check_23_is_the_one_of_the_session_and_no_other(
        self, api: Api, settings: Settings, acme: Seeded, other: Seeded, operation: Operation
    ):
        claims = jwt.decode(await api.token("owner"), options={"verify_signature": False})
        for changed in (
            {"tenant": str(other.tenant_id)},
            {"sub": str(other.users["owner"])},
            {"tenant": str(other.tenant_id), "sub": str(other.users["owner"])},
        ):
            forged = jwt.encode(claims | changed, settings.jwt_key(), "HS256", headers={"typ": TYPE})
            assert (await api.send(request_of(operation, other), forged)).status_code == 401

    @pytest.mark.parametrize("operation", [one for one in OF_TENANTS if one.reads], ids=route_of)
    async def test_check_23_is_not_changed_by_anything_else_that_is_sent(
        self, api: Api, acme: Seeded, other: Seeded, operation: Operation
    ):
        sent = request_of(operation, acme)
        plain = told(await api.send(sent))
        for name in ("X-Tenant", "X-Tenant-ID", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "Cookie"):
            for value in (str(other.tenant_id), other.slug, f"tenant={other.tenant_id}", "/v1/operator/tenants"):
                assert told(await api.send(sent, headers=[(name, value)])) == plain

    async def test_check_23_is_changed_by_who_is_a_member_there_only(self, api: Api, other: Seeded):
        response = await api.owner("POST", "/v1/auth/switch", json={"tenant": other.slug})
        absent = await api.owner("POST", "/v1/auth/switch", json={"tenant": "no-such-tenant"})
        assert (response.status_code, response.json()["detail"]) == (403, absent.json()["detail"])

    async def test_check_23_is_in_no_path_but_the_operators(self):
        named = {operation.route for operation in PROTECTED if "{tenant" in operation.path}
        assert all(matrix().routes[route] <= matrix().of_operators for route in named)
