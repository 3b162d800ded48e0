"""Sessions: how they go on, and everything that ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from opsintel.access import own_password, passwords
from opsintel.access.accounts import create_user
from opsintel.clock import now
from opsintel.db.engine import Database
from opsintel.tenants import create_tenant
from opsintel_api.auth import sessions
from opsintel_api.auth.cookies import COOKIE
from opsintel_api.auth.sessions import open_session
from tests.access.people import OURS, bearer, log_in, refresh, refresh_token
from tests.seeding import PASSWORD, Seeded

NEW = "quite another long password"
End = Callable[[httpx.AsyncClient, httpx.Response], Awaitable[None]]


async def log_out(client: httpx.AsyncClient, session: httpx.Response) -> None:
    client.cookies.clear()
    headers = OURS | {"Cookie": f"{COOKIE}={refresh_token(session)}"}
    assert (await client.post("/v1/auth/logout", headers=headers)).status_code == 204


async def log_out_everywhere(client: httpx.AsyncClient, session: httpx.Response) -> None:
    answer = await client.post("/v1/auth/logout-everywhere", headers=bearer(session))
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]


async def change_password(client: httpx.AsyncClient, session: httpx.Response) -> None:
    body = {"current": PASSWORD, "new": NEW}
    assert (await client.put("/v1/me/password", headers=bearer(session), json=body)).status_code == 200


async def reset_password(client: httpx.AsyncClient, session: httpx.Response) -> None:
    link = await link_of_reset(client, session.json()["user"]["email"])
    answer = await client.post("/v1/auth/reset/confirm", json={"token": link, "password": NEW})
    assert answer.status_code == 204


async def link_of_reset(client: httpx.AsyncClient, email: str) -> str:
    from opsintel.access.own_password import issue_reset

    issued = await issue_reset(services(client).database, email)
    assert issued is not None
    return issued.token


def services(client: httpx.AsyncClient):
    return client._transport.app.state.services  # the application behind the client


@pytest.fixture
def anna(database: Database, acme: Seeded) -> str:
    """The address of somebody new in acme."""
    email = f"anna{now().timestamp():.6f}@acme.example"
    create_user(database, email, "Anna", PASSWORD, acme.tenant_id, "analyst")
    return email


class TestRefresh:
    async def test_without_a_cookie_nobody_is_signed_in(self, client):
        response = await refresh(client, None)
        assert (response.status_code, response.json()) == (200, {"authenticated": False})

    async def test_another_site_cannot_refresh(self, client, acme: Seeded):
        token = refresh_token(await log_in(client, acme.email("owner")))
        for headers in ({}, OURS | {"Sec-Fetch-Site": "cross-site"}, {"X-Requested-With": "XMLHttpRequest"}):
            response = await client.post("/v1/auth/refresh", headers={"Cookie": f"{COOKIE}={token}", **headers})
            assert response.status_code == 403

    async def test_another_site_cannot_log_its_visitors_in(self, client, acme: Seeded):
        body = {"email": acme.email("owner"), "password": PASSWORD}
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
            answer = await client.post("/v1/auth/login", json=body, headers={"Sec-Fetch-Site": site})
            assert (answer.status_code, "set-cookie" in answer.headers) == (status, status == 200)

    async def test_check_25_each_token_is_replaced(self, client, acme: Seeded):
        seen = [refresh_token(await log_in(client, acme.email("owner")))]
        for _ in range(5):
            response = await refresh(client, seen[-1])
            assert response.json()["user"]["email"] == acme.email("owner")
            seen.append(refresh_token(response))
        assert len(set(seen)) == 6

    async def test_check_25_only_hashes_of_tokens_are_stored(self, client, database, acme: Seeded):
        first = refresh_token(await log_in(client, acme.email("owner")))
        second = refresh_token(await refresh(client, first))
        with database.system_tx() as connection:
            stored = connection.execute("SELECT row_to_json(refresh_token)::text FROM refresh_token").fetchall()
        assert not [
            row for row in stored for token in (first, second) if token in row[0] or token.encode().hex() in row[0]
        ]

    @pytest.mark.parametrize("generation", [0, 1, 2])
    async def test_check_26_late_reuse_of_any_generation_ends_the_session(
        self, client, database, acme: Seeded, generation
    ):
        session = await log_in(client, acme.email("owner"))
        tokens = [refresh_token(session)]
        for _ in range(3):
            tokens.append(refresh_token(await refresh(client, tokens[-1])))
        with database.system_tx() as connection:
            connection.execute("UPDATE refresh_token SET replaced_at = replaced_at - interval '11 seconds'")
        assert (await refresh(client, tokens[generation])).status_code == 401
        for token in tokens:
            assert (await refresh(client, token)).status_code == 401
        assert (await client.get("/v1/me", headers=bearer(session))).status_code == 401

    async def test_check_26_a_second_tab_within_ten_seconds_is_no_thief(self, client, acme: Seeded):
        session = await log_in(client, acme.email("owner"))
        first, second = [await refresh(client, refresh_token(session)) for _ in range(2)]
        assert refresh_token(first) == refresh_token(second)
        assert (await client.get("/v1/me", headers=bearer(session))).status_code == 200

    async def test_check_26_reuse_is_in_the_audit_log(self, client, database, acme: Seeded):
        session = await log_in(client, acme.email("owner"))
        await refresh(client, refresh_token(session))
        with database.system_tx() as connection:
            connection.execute("UPDATE refresh_token SET replaced_at = replaced_at - interval '11 seconds'")
        await refresh(client, refresh_token(session))
        with database.tenant_tx(acme.tenant_id) as connection:
            row = connection.execute("SELECT action, actor_kind FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
        assert row == ("session.reuse_detected", "system")

    async def test_check_27_a_hundred_at_once_get_one_and_the_same_successor(self, client, acme: Seeded):
        token = refresh_token(await log_in(client, acme.email("owner")))
        responses = await asyncio.gather(*(refresh(client, token) for _ in range(100)))
        assert {response.status_code for response in responses} == {200}
        assert len({refresh_token(response) for response in responses}) == 1

    async def test_an_expired_or_invented_token_is_401_and_taken_from_the_browser(self, client, database, acme: Seeded):
        token = refresh_token(await log_in(client, acme.email("owner")))
        with database.system_tx() as connection:
            connection.execute("UPDATE refresh_token SET expires_at = %s", (now() - timedelta(seconds=1),))
        for dead in (token, "invented"):
            response = await refresh(client, dead)
            assert response.status_code == 401
            assert "Max-Age=0" in response.headers["set-cookie"]


class TestEnd:
    @pytest.mark.parametrize("end", [log_out, log_out_everywhere, change_password, reset_password])
    async def test_check_22_a_session_that_was_ended_is_refused_at_once(self, client, anna: str, end: End):
        session = await log_in(client, anna)
        assert (await client.get("/v1/me", headers=bearer(session))).status_code == 200
        await end(client, session)
        for path in ("/v1/me", "/v1/issues", "/v1/messages"):
            assert (await client.get(path, headers=bearer(session))).status_code == 401

    @pytest.mark.parametrize("end", [log_out, log_out_everywhere, change_password, reset_password])
    async def test_check_28_no_token_of_an_ended_session_refreshes(self, client, anna: str, end: End):
        session = await log_in(client, anna)
        tokens = [refresh_token(session), refresh_token(await refresh(client, refresh_token(session)))]
        await end(client, session)
        for token in tokens:
            assert (await refresh(client, token)).status_code == 401

    @pytest.mark.parametrize("end", [log_out_everywhere, change_password, reset_password])
    async def test_check_28_sessions_on_other_devices_and_in_other_tenants_end_as_well(
        self, client, database, anna: str, end: End
    ):
        second = create_tenant(database, f"second-{end.__name__.replace('_', '-')}", "Second")
        create_user(database, anna, "", PASSWORD, second.id, "viewer")
        here, phone = await log_in(client, anna), await log_in(client, anna)
        elsewhere = await log_in(client, anna, tenant=second.slug)
        await end(client, here)
        for session in (phone, elsewhere):
            assert (await client.get("/v1/me", headers=bearer(session))).status_code == 401
            assert (await refresh(client, refresh_token(session))).status_code == 401

    async def test_check_28_log_out_ends_this_session_and_no_other(self, client, anna: str):
        here, phone = await log_in(client, anna), await log_in(client, anna)
        await log_out(client, here)
        assert (await client.get("/v1/me", headers=bearer(phone))).status_code == 200

    async def test_check_28_a_successor_issued_at_the_moment_of_the_log_out_is_dead(self, client, anna: str, database):
        session = await log_in(client, anna)
        with database.system_tx() as connection:  # as a refresh that began before the log-out and commits after it
            family = connection.execute(
                "SELECT family_id FROM refresh_token WHERE user_id = %s", (session.json()["user"]["id"],)
            ).fetchone()[0]
        refreshed = await refresh(client, refresh_token(session))
        with database.system_tx() as connection:
            connection.execute(
                "UPDATE refresh_token SET revoked_at = now() WHERE family_id = %s AND replaced_at IS NOT NULL",
                (family,),
            )
        assert (await refresh(client, refresh_token(refreshed))).status_code == 401
        assert (await client.get("/v1/me", headers=bearer(refreshed))).status_code == 401

    async def test_check_28_a_log_in_that_was_under_way_when_the_password_changed_opens_nothing(
        self, client, anna: str, acme: Seeded
    ):
        database = services(client).database
        account = await sessions.find_account(database, anna)
        assert account is not None
        await change_password(client, await log_in(client, anna))
        late = await open_session(database, account.id, acme.tenant_id, "password", proved=account.password_hash)
        assert late is None

    async def test_check_28_a_change_that_was_under_way_when_the_password_was_reset_changes_nothing(
        self, client, anna: str
    ):
        """A thief who knows the old password asks for a new one; meanwhile the owner sets another by a link."""
        database = services(client).database
        account = await sessions.find_account(database, anna)
        assert account is not None
        await change_password(client, await log_in(client, anna))
        late = await own_password.change(
            database, account.id, passwords.hash_password("the thief's own"), proved=account.password_hash
        )
        assert not late
        assert (await log_in(client, anna, NEW)).status_code == 200

    async def test_whoever_changes_the_password_goes_on_in_a_new_session(self, client, anna: str):
        session = await log_in(client, anna)
        body = {"current": PASSWORD, "new": NEW}
        changed = await client.put("/v1/me/password", headers=bearer(session), json=body)
        assert (await client.get("/v1/me", headers=bearer(changed))).status_code == 200
        assert (await refresh(client, refresh_token(changed))).status_code == 200
        assert (await log_in(client, anna)).status_code == 401
        assert (await log_in(client, anna, NEW)).status_code == 200

    async def test_a_session_alone_does_not_change_the_password(self, client, anna: str):
        session = await log_in(client, anna)
        for current in ("wrong password", PASSWORD.upper(), " " + PASSWORD):
            body = {"current": current, "new": NEW}
            assert (await client.put("/v1/me/password", headers=bearer(session), json=body)).status_code == 422
        assert (await log_in(client, anna)).status_code == 200

    async def test_log_out_without_a_session_does_nothing(self, client):
        assert (await client.post("/v1/auth/logout", headers=OURS)).status_code == 204


class TestSwitch:
    async def test_goes_on_in_another_tenant_and_ends_the_session_in_the_present_one(self, client, database, anna: str):
        second = create_tenant(database, "switched", "Switched")
        create_user(database, anna, "", PASSWORD, second.id, "viewer")
        session = await log_in(client, anna)
        switched = await client.post("/v1/auth/switch", headers=bearer(session), json={"tenant": "switched"})
        assert (switched.json()["tenant"]["slug"], switched.json()["role"]) == ("switched", "viewer")
        assert (await client.get("/v1/me", headers=bearer(session))).status_code == 401
        assert (await refresh(client, refresh_token(session))).status_code == 401
        assert (await refresh(client, refresh_token(switched))).json()["tenant"]["slug"] == "switched"

    async def test_at_once_opens_one_session(self, client, database, anna: str):
        second = create_tenant(database, "at-once", "At once")
        create_user(database, anna, "", PASSWORD, second.id, "viewer")
        headers = bearer(await log_in(client, anna))
        answers = await asyncio.gather(
            *(client.post("/v1/auth/switch", headers=headers, json={"tenant": "at-once"}) for _ in range(8))
        )
        assert [answer.status_code for answer in answers].count(200) == 1

    async def test_is_in_the_audit_logs_of_both_tenants(self, client, database, acme: Seeded, anna: str):
        second = create_tenant(database, "followed", "Followed")
        create_user(database, anna, "", PASSWORD, second.id, "viewer")
        session = await log_in(client, anna)
        await client.post("/v1/auth/switch", headers=bearer(session), json={"tenant": "followed"})
        for tenant_id, last in ((acme.tenant_id, "session.ended"), (second.id, "session.opened")):
            with database.tenant_tx(tenant_id) as connection:
                rows = connection.execute("SELECT action FROM audit_log ORDER BY seq DESC LIMIT 1").fetchall()
            assert rows == [(last,)]

    @pytest.mark.parametrize("tenant", ["other", "nobody", "", "OTHER", "other "])
    async def test_to_a_tenant_one_is_no_member_of_is_refused(self, client, anna: str, other: Seeded, tenant):
        session = await log_in(client, anna)
        answer = await client.post("/v1/auth/switch", headers=bearer(session), json={"tenant": tenant})
        assert answer.status_code in (403, 422)
        assert (await client.get("/v1/me", headers=bearer(session))).status_code == 200
