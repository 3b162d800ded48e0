"""Operators: a token opens their routes and nothing of a tenant's; what they do to a tenant holds at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from opsintel.access import opaque, operators
from opsintel.access.audit import Actor
from opsintel.access.roles import OPEN, ROLES, matrix
from opsintel.db.engine import AsyncDatabase
from opsintel.ids import new_id
from tests.access.people import bearer, log_in, refresh, refresh_token
from tests.api.examples import example, path_of
from tests.seeding import Seeded

TESTS = Actor("operator", "tests")
OPERATOR = [route for route, need in matrix().routes.items() if need <= matrix().of_operators]
OF_TENANTS = [r for r, need in matrix().routes.items() if need != OPEN and not need <= matrix().of_operators]


@pytest.fixture
async def token(database_url: str) -> str:
    database = await AsyncDatabase.open(database_url)
    made = await operators.add(database, f"o{new_id().hex[-12:]}", timedelta(days=1), TESTS)
    await database.close()
    return made


async def ask(client, token: str, method: str, path: str, **more):
    return await client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **more)


class TestToken:
    @pytest.mark.parametrize("route", OF_TENANTS)
    async def test_opens_no_route_of_a_tenant(self, client, token: str, acme: Seeded, route):
        asked = example(route, acme)
        answer = await ask(client, token, route.split()[0], path_of(route, acme), json=asked.body, params=asked.query)
        assert answer.status_code == 403

    @pytest.mark.parametrize("role", ROLES)
    @pytest.mark.parametrize("route", OPERATOR)
    async def test_nobody_of_a_tenant_opens_the_operators_routes(self, client, acme: Seeded, route, role):
        session = await log_in(client, acme.email(role))
        method, path = route.split()
        path = path.format(tenant_id=acme.tenant_id)
        assert (await client.request(method, path, headers=bearer(session), json={})).status_code == 403

    @pytest.mark.parametrize("how", ["revoked", "expired", "mistyped", "of nobody", "as a service key"])
    async def test_is_refused_once_it_is(self, client, database, token: str, how):
        assert (await ask(client, token, "GET", "/v1/operator/tenants")).status_code == 200
        if how in ("revoked", "expired"):
            column = "revoked_at" if how == "revoked" else "expires_at"
            with database.system_tx() as connection:
                connection.execute(
                    f"UPDATE operator SET {column} = now() WHERE token_hash = %s", (opaque.digest(token),)
                )
        tried = {
            "mistyped": token[:-1] + ("a" if token[-1] != "a" else "b"),
            "of nobody": opaque.new_token(opaque.OPERATOR),
            "as a service key": opaque.SERVICE_KEY + token.removeprefix(opaque.OPERATOR),
        }.get(how, token)
        assert (await ask(client, tried, "GET", "/v1/operator/tenants")).status_code == 401

    async def test_check_29_tries_of_tokens_are_throttled(self, client):
        statuses = [
            (await ask(client, opaque.new_token(opaque.OPERATOR), "GET", "/v1/operator/tenants")).status_code
            for _ in range(51)
        ]
        assert statuses == [401] * 50 + [429]

    async def test_is_kept_as_a_hash_and_made_under_the_makers_name(self, database, token: str):
        with database.system_tx() as connection:
            kept = connection.execute("SELECT row_to_json(operator)::text FROM operator").fetchall()
            made = connection.execute(
                "SELECT action, actor_kind FROM audit_log WHERE action LIKE 'operator.%' ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        assert token not in str(kept)
        assert made == ("operator.added", "operator")


class TestTenants:
    async def test_are_shown_in_figures_without_text(self, client, token: str, acme: Seeded, other: Seeded):
        answer = await ask(client, token, "GET", "/v1/operator/tenants")
        found = {tenant["slug"]: tenant for tenant in answer.json()["items"]}
        assert found["acme"]["sources"] == 2
        assert found["acme"]["members"] == 5
        assert found["acme"]["messages"] > 0
        for text in ("invoice", "tax", "@", "Customer"):
            assert text not in answer.text

    async def test_come_in_pages(self, client, token: str, acme: Seeded, other: Seeded):
        seen, cursor = [], {}
        while cursor is not None:
            page = (await ask(client, token, "GET", "/v1/operator/tenants", params={"limit": 1, **cursor})).json()
            seen += [tenant["slug"] for tenant in page["items"]]
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        assert {"acme", "other"} <= set(seen)
        assert len(seen) == len(set(seen))

    async def test_are_made_once(self, client, token: str):
        slug = f"t{new_id().hex[-12:]}"
        body = {"slug": slug, "name": "New"}
        assert (await ask(client, token, "POST", "/v1/operator/tenants", json=body)).status_code == 201
        assert (await ask(client, token, "POST", "/v1/operator/tenants", json=body)).status_code == 422
        for wrong in ({"slug": "Upper", "name": "x"}, {"slug": "../x", "name": "x"}, {**body, "id": str(new_id())}):
            assert (await ask(client, token, "POST", "/v1/operator/tenants", json=wrong)).status_code == 422

    async def test_that_are_absent_are_404(self, client, token: str):
        for act in ("suspend", "activate"):
            assert (await ask(client, token, "POST", f"/v1/operator/tenants/{new_id()}/{act}")).status_code == 404


class TestSuspension:
    async def test_check_22_ends_every_session_for_good(self, client, token: str, other: Seeded, acme: Seeded):
        sessions = [await log_in(client, other.email(role)) for role in ROLES]
        kept = await log_in(client, acme.email("owner"))
        path = f"/v1/operator/tenants/{other.tenant_id}"
        suspended = await ask(client, token, "POST", f"{path}/suspend")
        assert suspended.json()["suspended_at"] is not None
        for session in sessions:
            assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 403
            assert (await refresh(client, refresh_token(session))).status_code == 401
        assert (await log_in(client, other.email("owner"))).status_code == 403
        assert (await client.get("/v1/issues", headers=bearer(kept))).status_code == 200
        assert (await ask(client, token, "POST", f"{path}/activate")).json()["suspended_at"] is None
        for session in sessions:
            assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 401
        assert (await log_in(client, other.email("owner"))).status_code == 200

    async def test_is_in_the_tenants_audit_log(self, client, database, token: str, other: Seeded):
        path = f"/v1/operator/tenants/{other.tenant_id}"
        for act in ("suspend", "suspend", "activate", "activate"):
            await ask(client, token, "POST", f"{path}/{act}")
        with database.tenant_tx(other.tenant_id) as connection:
            rows = connection.execute(
                "SELECT action, actor_kind FROM audit_log WHERE action LIKE 'tenant.%' ORDER BY seq DESC LIMIT 2"
            ).fetchall()
        assert rows == [("tenant.activated", "operator"), ("tenant.suspended", "operator")]
