"""Log-in, refresh, log-out, /v1/me and the checks of every token."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import argon2
import httpx
import jwt
import pytest

from opsintel.access.accounts import create_user
from opsintel.access.passwords import needs_upgrade
from opsintel.access.tokens import AUDIENCE, ISSUER, TYPE
from opsintel.clock import now
from opsintel.coordination.choose import ApiLimits
from opsintel.db.engine import AsyncDatabase
from opsintel.ids import new_id
from opsintel.tenants import create_tenant
from opsintel_api.auth.cookies import COOKIE
from opsintel_api.auth.throttle import TRIES_PER_ACCOUNT, LoginThrottle
from tests.api.conftest import Get
from tests.seeding import PASSWORD, Seeded

OURS = {"X-Requested-With": "opsintel"}


async def log_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    return await client.post("/v1/auth/login", json={"email": email, "password": password, **more})


async def refresh(client: httpx.AsyncClient, token: str | None) -> httpx.Response:
    client.cookies.clear()
    headers = OURS | ({"Cookie": f"{COOKIE}={token}"} if token else {})
    return await client.post("/v1/auth/refresh", headers=headers)


def refresh_token(response: httpx.Response) -> str:
    return SimpleCookie(response.headers["set-cookie"])[COOKIE].value


def bearer(session: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.json()['access_token']}"}


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

    @pytest.mark.parametrize("base", ["https://localhost", "http://ops.example.com"])
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

    @pytest.mark.parametrize("password", ["", "x" * 1025, "nul\x00inside", "ünïcödé ✓ パスワード"])
    async def test_odd_passwords_are_refused_without_a_fault(self, client, acme: Seeded, password):
        assert (await log_in(client, acme.email("owner"), password)).status_code in (401, 422)

    async def test_a_lone_surrogate_is_refused_without_a_fault(self, client, acme: Seeded):
        body = b'{"email": "owner@acme.example", "password": "\\ud800 is no character"}'
        response = await client.post("/v1/auth/login", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code in (401, 422)

    async def test_a_weak_hash_is_replaced_at_log_in(self, client, database, acme: Seeded):
        weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        with database.system_tx() as connection:
            connection.execute("UPDATE app_user SET password_hash = %s WHERE id = %s", (weak, acme.users["viewer"]))
        assert (await log_in(client, acme.email("viewer"))).status_code == 200
        with database.system_tx() as connection:
            stored = connection.execute(
                "SELECT password_hash FROM app_user WHERE id = %s", (acme.users["viewer"],)
            ).fetchone()[0]
        assert stored != weak
        assert not needs_upgrade(stored)


class TestThrottle:
    @pytest.mark.parametrize("account", ["owner@other.example", "nobody@other.example"])
    async def test_too_many_failures_close_an_account_whether_it_exists_or_not(self, client, other: Seeded, account):
        for _ in range(TRIES_PER_ACCOUNT.burst):
            assert (await log_in(client, account, "wrong password")).status_code == 401
        response = await log_in(client, account)
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0

    async def test_a_success_forgets_the_failures_of_the_account(self, client, acme: Seeded):
        for _ in range(3):
            for _ in range(TRIES_PER_ACCOUNT.burst - 1):
                await log_in(client, acme.email("owner"), "wrong password")
            assert (await log_in(client, acme.email("owner"))).status_code == 200


class TestTheThrottleOfSeveralProcesses:
    async def test_is_one_and_stores_nobodys_address(self, database, database_url, settings):
        account = f"{new_id().hex}@other.example"
        opened = await AsyncDatabase.open(database_url)
        processes = [LoginThrottle(ApiLimits(settings, opened), b"secret") for _ in range(2)]
        waits = [await processes[n % 2].begin(account, "192.0.2.7") for n in range(TRIES_PER_ACCOUNT.burst + 1)]
        assert [wait > 0 for wait in waits] == [False] * TRIES_PER_ACCOUNT.burst + [True]
        await processes[0].succeeded(account, "192.0.2.7")
        assert await processes[1].begin(account, "192.0.2.7") == 0
        await opened.close()
        with database.system_tx() as connection:
            keys = " ".join(row[0] for row in connection.execute("SELECT key FROM rate_limit").fetchall())
        assert "login:account:" in keys
        assert account not in keys
        assert "192.0.2.7" not in keys


class TestRefresh:
    async def test_without_a_cookie_nobody_is_signed_in(self, client):
        response = await refresh(client, None)
        assert (response.status_code, response.json()) == (200, {"authenticated": False})

    async def test_another_site_cannot_refresh(self, client, acme: Seeded):
        token = refresh_token(await log_in(client, acme.email("owner")))
        for headers in ({}, OURS | {"Sec-Fetch-Site": "cross-site"}, {"X-Requested-With": "XMLHttpRequest"}):
            response = await client.post("/v1/auth/refresh", headers={"Cookie": f"{COOKIE}={token}", **headers})
            assert response.status_code == 403

    async def test_each_token_is_replaced(self, client, acme: Seeded):
        token = refresh_token(await log_in(client, acme.email("owner")))
        response = await refresh(client, token)
        assert response.json()["user"]["email"] == acme.email("owner")
        assert refresh_token(response) != token

    async def test_a_hundred_at_once_get_one_and_the_same_successor(self, client, acme: Seeded):
        token = refresh_token(await log_in(client, acme.email("owner")))
        responses = await asyncio.gather(*(refresh(client, token) for _ in range(100)))
        assert {response.status_code for response in responses} == {200}
        assert len({refresh_token(response) for response in responses}) == 1

    async def test_late_reuse_ends_the_session_and_its_access_tokens(self, client, database, acme: Seeded):
        session = await log_in(client, acme.email("owner"))
        successor = refresh_token(await refresh(client, refresh_token(session)))
        with database.system_tx() as connection:
            connection.execute("UPDATE refresh_token SET replaced_at = replaced_at - interval '11 seconds'")
        assert (await refresh(client, refresh_token(session))).status_code == 401
        assert (await refresh(client, successor)).status_code == 401
        assert (await client.get("/v1/me", headers=bearer(session))).status_code == 401

    async def test_an_expired_or_invented_token_is_401_and_taken_from_the_browser(self, client, database, acme: Seeded):
        token = refresh_token(await log_in(client, acme.email("owner")))
        with database.system_tx() as connection:
            connection.execute("UPDATE refresh_token SET expires_at = %s", (now() - timedelta(seconds=1),))
        for dead in (token, "invented"):
            response = await refresh(client, dead)
            assert response.status_code == 401
            assert "Max-Age=0" in response.headers["set-cookie"]


class TestLogout:
    async def test_it_ends_the_session_at_once(self, client, acme: Seeded):
        session = await log_in(client, acme.email("owner"))
        token = refresh_token(session)
        client.cookies.clear()
        response = await client.post("/v1/auth/logout", headers=OURS | {"Cookie": f"{COOKIE}={token}"})
        assert response.status_code == 204
        assert (await refresh(client, token)).status_code == 401
        assert (await client.get("/v1/me", headers=bearer(session))).status_code == 401

    async def test_without_a_session_it_does_nothing(self, client):
        assert (await client.post("/v1/auth/logout", headers=OURS)).status_code == 204


class TestMembership:
    async def test_a_removed_member_is_403_on_the_next_request(self, client, database, acme: Seeded):
        create_user(database, "leaver@acme.example", "Leaver", PASSWORD, acme.tenant_id, "admin")
        session = await log_in(client, "leaver@acme.example")
        assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 200
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("DELETE FROM membership WHERE user_id = %s", (session.json()["user"]["id"],))
        assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 403

    async def test_a_disabled_account_is_out_at_once(self, client, database, acme: Seeded):
        user_id = create_user(database, "disabled@acme.example", "", PASSWORD, acme.tenant_id, "admin")
        session = await log_in(client, "disabled@acme.example")
        with database.system_tx() as connection:
            connection.execute("UPDATE app_user SET disabled_at = now() WHERE id = %s", (user_id,))
        assert (await client.get("/v1/issues", headers=bearer(session))).status_code == 401
        assert (await log_in(client, "disabled@acme.example")).status_code == 401

    async def test_me_lists_the_scopes_of_the_role(self, get: Get):
        viewer = (await get("/v1/me", role="viewer")).json()
        assert (viewer["role"], viewer["scopes"]) == ("viewer", ["insights.read"])


class TestTokensAtTheDoor:
    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer a.b.c", "Basic b3duZXI6", "Bearer \x00"])
    async def test_anything_but_our_token_is_401(self, client, value):
        response = await client.get("/v1/me", headers={"Authorization": value})
        assert response.status_code == 401
        assert response.json()["status"] == 401

    async def test_two_authorization_headers_are_401(self, client, acme: Seeded):
        token = bearer(await log_in(client, acme.email("owner")))["Authorization"]
        headers = [("Authorization", token), ("Authorization", token)]
        assert (await client.get("/v1/me", headers=headers)).status_code == 401

    async def test_a_token_of_one_tenant_opens_no_other(self, client, settings, acme: Seeded, other: Seeded):
        encoded = (await log_in(client, acme.email("owner"))).json()["access_token"]
        claims = jwt.decode(encoded, options={"verify_signature": False})
        assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)
        forged = jwt.encode(
            claims | {"tenant": str(other.tenant_id)}, settings.jwt_key(), "HS256", headers={"typ": TYPE}
        )
        assert (await client.get("/v1/me", headers={"Authorization": f"Bearer {forged}"})).status_code == 401
