"""How the invited join through a provider."""

from __future__ import annotations

import httpx

from opsintel.access.accounts import create_user
from opsintel.access.passwords import NO_PASSWORD
from tests.access.people import bearer, log_in
from tests.access.signing_on import OURS, Browser, agree, error_of, rows
from tests.peers.smtp import SmtpPeer
from tests.seeding import PASSWORD, Seeded


class TestInvitation:
    async def invite(self, browser: Browser, acme: Seeded, email: str, smtp: SmtpPeer) -> str:
        """Invite an address as the owner of acme, and return the token of its mail."""
        session = await log_in(browser.client, acme.email("owner"))
        browser.client.cookies.clear()
        wanted = {"email": email, "role": "viewer"}
        assert (await browser.client.post("/v1/invitations", headers=bearer(session), json=wanted)).status_code == 201
        await browser.services.postbox.drain()
        return smtp.received()[1].get_content().partition("#token=")[2].split()[0]

    async def begin(self, browser: Browser, token: str) -> httpx.Response:
        return await browser.client.post("/v1/auth/sso/invitation", json={"token": token}, headers=OURS)

    async def join(self, browser: Browser, token: str) -> httpx.Response:
        return await browser.client.get(agree((await self.begin(browser, token)).json()["location"]))

    async def test_is_accepted_with_a_new_account_that_no_password_opens(
        self, stranger: Browser, database, acme, guest, oidc, smtp
    ):
        token = await self.invite(stranger, acme, guest, smtp)
        oidc.sign_on_as(guest, name=" Gus\n\u202e Guest ")
        assert token not in (await self.begin(stranger, token)).text
        assert (await self.join(stranger, token)).headers["location"] == "/"
        session = await stranger.session()
        assert (session["user"]["email"], session["user"]["name"], session["role"]) == (guest, "Gus Guest", "viewer")
        assert rows(database, "SELECT password_hash FROM app_user WHERE email = %s", guest) == [(NO_PASSWORD,)]
        assert (await log_in(stranger.client, guest, NO_PASSWORD)).status_code == 401
        assert (await self.begin(stranger, token)).status_code == 403
        assert (await stranger.sign_on()).headers["location"] == "/"

    async def test_of_another_address_lets_nobody_join(self, stranger: Browser, database, acme, guest, oidc, smtp):
        token = await self.invite(stranger, acme, guest, smtp)
        oidc.sign_on_as(f"x{guest}")
        assert error_of(await self.join(stranger, token)) == "invitation_for_another"
        assert (await self.begin(stranger, token)).status_code == 200

    async def test_links_an_account_that_exists_only_within_the_operators_domains(
        self, browser: Browser, stranger: Browser, database, acme, other: Seeded, guest, oidc, smtp
    ):
        create_user(database, guest, "Gina", PASSWORD, other.tenant_id, "viewer")
        token = await self.invite(stranger, acme, guest, smtp)
        oidc.sign_on_as(guest)
        assert error_of(await self.join(stranger, token)) == "account_not_linked"
        assert (await self.join(browser, token)).headers["location"] == "/"
        session = await browser.session()
        assert (session["tenant"]["slug"], len(session["tenants"])) == ("acme", 2)

    async def test_lets_nobody_join_who_comes_in_as_somebody_else(
        self, browser: Browser, database, acme, member, guest, oidc, smtp
    ):
        oidc.sign_on_as(member)
        assert (await browser.sign_on()).headers["location"] == "/"
        await browser.services.postbox.drain()
        smtp.received()  # which tells that the account was linked
        token = await self.invite(browser, acme, guest, smtp)
        oidc.sign_on_as(guest, f"sub-{member}")
        assert error_of(await self.join(browser, token)) == "account_linked_otherwise"
        assert rows(database, "SELECT FROM app_user WHERE email = %s", guest) == []

    async def test_opens_no_account_that_was_disabled(
        self, browser: Browser, database, acme, other: Seeded, guest, oidc, smtp
    ):
        user = create_user(database, guest, "Gina", PASSWORD, other.tenant_id, "viewer")
        token = await self.invite(browser, acme, guest, smtp)
        with database.system_tx() as connection:
            connection.execute("UPDATE app_user SET disabled_at = now() WHERE email = %s", (guest,))
        oidc.sign_on_as(guest)
        assert error_of(await self.join(browser, token)) == "invitation_for_another"
        assert rows(database, "SELECT FROM identity WHERE user_id = %s", user) == []

    async def test_that_was_taken_back_meanwhile_lets_nobody_join(
        self, stranger: Browser, database, acme, guest, oidc, smtp
    ):
        token = await self.invite(stranger, acme, guest, smtp)
        oidc.sign_on_as(guest)
        way = agree((await self.begin(stranger, token)).json()["location"])
        with database.system_tx() as connection:
            connection.execute("UPDATE invitation SET revoked_at = now() WHERE email = %s", (guest,))
        assert error_of(await stranger.client.get(way)) == "invitation_unusable"
        assert rows(database, "SELECT FROM app_user WHERE email = %s", guest) == []

    async def test_is_begun_by_our_own_page_only(self, stranger: Browser, acme, guest, smtp):
        token = await self.invite(stranger, acme, guest, smtp)
        assert (await stranger.client.post("/v1/auth/sso/invitation", json={"token": token})).status_code == 403
