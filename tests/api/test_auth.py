"""Log-in, refresh, log-out, /v1/me and the checks of every token."""

from __future__ import annotations

import jwt
import pytest

from opsintel.access.accounts import create_user
from opsintel.access.tokens import AUDIENCE, ISSUER, TYPE
from opsintel.tenants import create_tenant
from tests.access.people import bearer, log_in
from tests.api.conftest import Get
from tests.seeding import PASSWORD, Seeded


class TestLogin:
    async def test_a_wrong_password_and_an_unknown_address_look_the_same(self, client, acme: Seeded):
        wrong = await log_in(client, acme.email("owner"), "not the password")
        unknown = await log_in(client, "nobody@acme.example")
        assert (wrong.status_code, unknown.status_code) == (401, 401)
        assert wrong.json()["detail"] == unknown.json()["detail"]
        assert "set-cookie" not in wrong.headers

    async def test_it_answers_who_one_is(self, client, acme: Seeded):
        found = (await log_in(client, f" {acme.email('admin').upper()} ")).json()
        assert found["user"]["email"] == acme.email("admin")
        assert (found["tenant"]["slug"], found["role"], found["expires_in"]) == ("acme", "admin", 900)
        assert [tenant["role"] for tenant in found["tenants"]] == ["admin"]

    async def test_the_refresh_token_is_out_of_reach_of_scripts_and_sites(self, client, acme: Seeded):
        cookie = (await log_in(client, acme.email("owner"))).headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=strict", "Path=/v1/auth"):
            assert part in cookie
        assert "Secure" not in cookie

    @pytest.mark.parametrize("base", ["https://localhost", "http://10.0.0.9"])
    async def test_elsewhere_it_travels_over_tls_only(self, client, acme: Seeded, base):
        response = await client.post(f"{base}/v1/auth/login", json={"email": acme.email("owner"), "password": PASSWORD})
        assert "Secure" in response.headers["set-cookie"]

    async def test_a_member_of_several_tenants_chooses(self, client, database, acme: Seeded):
        second = create_tenant(database, "second", "Second")
        create_user(database, acme.email("analyst"), "", PASSWORD, second.id, "viewer")
        default = (await log_in(client, acme.email("analyst"))).json()
        chosen = (await log_in(client, acme.email("analyst"), tenant="second")).json()
        assert (default["tenant"]["slug"], default["role"]) == ("acme", "analyst")
        assert (chosen["tenant"]["slug"], chosen["role"]) == ("second", "viewer")

    async def test_a_tenant_one_is_no_member_of_is_403(self, client, acme: Seeded, other: Seeded):
        assert (await log_in(client, acme.email("owner"), tenant="other")).status_code == 403

    @pytest.mark.parametrize("more", [{"role": "owner"}, {"tenant_id": "x"}, {"id": 1}])
    async def test_extra_fields_are_refused(self, client, acme: Seeded, more):
        assert (await log_in(client, acme.email("owner"), **more)).status_code == 422


class TestMe:
    async def test_me_lists_the_scopes_of_the_role(self, get: Get):
        viewer = (await get("/v1/me", role="viewer")).json()
        assert (viewer["role"], viewer["scopes"]) == ("viewer", ["insights.read"])


class TestTokensAtTheDoor:
    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer a.b.c", "Basic b3duZXI6", "Bearer \x00"])
    async def test_anything_but_our_token_is_401(self, client, value):
        response = await client.get("/v1/me", headers={"Authorization": value})
        assert response.status_code == 401
        assert response.json()["status"] == 401

    async def test_two_authorization_headers_are_400(self, client, acme: Seeded):
        token = bearer(await log_in(client, acme.email("owner")))["Authorization"]
        headers = [("Authorization", token), ("Authorization", token)]
        assert (await client.get("/v1/me", headers=headers)).status_code == 400

    async def test_a_token_of_one_tenant_opens_no_other(self, client, settings, acme: Seeded, other: Seeded):
        encoded = (await log_in(client, acme.email("owner"))).json()["access_token"]
        claims = jwt.decode(encoded, options={"verify_signature": False})
        assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)
        forged = jwt.encode(
            claims | {"tenant": str(other.tenant_id)}, settings.jwt_key(), "HS256", headers={"typ": TYPE}
        )
        assert (await client.get("/v1/me", headers={"Authorization": f"Bearer {forged}"})).status_code == 401
