"""Single sign-on from the button to the session: who comes in, and who does not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from opsintel.access.authorization_requests import BROWSER
from opsintel_api.auth.sign_on import FAULTS
from opsintel_api.auth.throttle import TRIES_PER_ADDRESS
from tests.access.people import log_in
from tests.access.signing_on import COOKIE, DOMAIN, OURS, Browser, audited, error_of, rows, signing_on
from tests.peers.oidc import CLIENT_ID, LABEL, running_oidc
from tests.seeding import PASSWORD, Seeded

PUBLIC = "https://ops.example.com"


class TestOffer:
    async def test_is_among_the_ways_in(self, browser: Browser):
        assert (await browser.client.get("/v1/auth/options")).json() == {
            "registration": False,
            "passwords": True,
            "single_sign_on": {"label": LABEL},
        }

    async def test_is_none_where_the_operator_has_set_none(self, client):
        assert (await client.get("/v1/auth/options")).json()["single_sign_on"] is None
        assert (await client.get("/v1/auth/sso/start")).status_code == 404
        assert (await client.get("/v1/auth/sso/callback", params={"state": "x", "code": "y"})).status_code == 404
        answer = await client.post("/v1/auth/sso/invitation", json={"token": "x"}, headers=OURS)
        assert answer.status_code == 404


class TestStart:
    async def test_sends_the_browser_to_the_provider_with_state_nonce_and_challenge(self, settings, database, oidc):
        async with signing_on(settings, database, oidc, OPSINTEL_PUBLIC_URL=f"{PUBLIC}/") as browser:
            answers = [await browser.client.get("https://localhost/v1/auth/sso/start") for _ in range(2)]
        seen = []
        for answer in answers:
            assert answer.status_code == 303
            address, query = urlsplit(answer.headers["location"]), parse_qs(urlsplit(answer.headers["location"]).query)
            assert f"{address.scheme}://{address.netloc}{address.path}" == f"{oidc.issuer}/authorize"
            assert query.pop("flow") == ["code"]
            secrets = [query.pop(name)[0] for name in ("state", "nonce", "code_challenge")]
            assert len(base64.urlsafe_b64decode(secrets[2] + "=")) == hashlib.sha256().digest_size
            seen += secrets
            assert query == {
                "response_type": ["code"],
                "client_id": [CLIENT_ID],
                "redirect_uri": [f"{PUBLIC}/v1/auth/sso/callback"],
                "scope": ["openid email profile"],
                "code_challenge_method": ["S256"],
            }
        assert len(set(seen)) == 6
        flags = {part.strip().lower() for part in answers[0].headers["set-cookie"].split(";")[1:]}
        assert answers[0].headers["set-cookie"].startswith(f"__Host-{COOKIE}={BROWSER}")
        assert flags == {"httponly", "max-age=600", "path=/", "samesite=lax", "secure"}

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "evil",
            "",
        ]
        + ["javascript:alert(1)", "/a\r\nSet-Cookie: x=y", "/\u00e9", "/" + "a" * 1000, "/a\\b", "/ b"],
    )
    async def test_goes_on_to_pages_of_ours_only(self, browser: Browser, target):
        answer = await browser.start(target)
        assert (answer.status_code, "location" in answer.headers) == (422, False)

    async def test_of_a_crowd_is_refused_on_the_log_in_page(self, browser: Browser):
        for _ in range(int(TRIES_PER_ADDRESS.burst)):
            assert "/authorize?" in (await browser.start()).headers["location"]
        assert error_of(await browser.start()) == "too_many_tries"

    async def test_that_leads_in_uses_up_no_try(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        for _ in range(int(TRIES_PER_ADDRESS.burst) - 3):
            await browser.start()
        for _ in range(3):
            assert (await browser.sign_on()).headers["location"] == "/"


class TestMember:
    async def test_comes_in_as_with_a_password_and_no_token_stands_in_an_address(
        self, browser: Browser, database, member, oidc, smtp, admin_url
    ):
        oidc.sign_on_as(member)
        answer = await browser.sign_on("/issues/?severity=high&page=2")
        assert (answer.status_code, answer.headers["location"]) == (303, "/issues/?severity=high&page=2")
        cookies = answer.headers.get_list("set-cookie")
        assert [cookie.partition("=")[0] for cookie in cookies] == ["opsintel_refresh", COOKIE]
        assert "samesite=strict" in cookies[0].lower()
        assert "max-age=0" in cookies[1].lower()
        session = await browser.session()
        assert (session["user"]["email"], session["role"], session["tenant"]["slug"]) == (member, "analyst", "acme")
        me = await browser.client.get("/v1/me", headers={"Authorization": f"Bearer {session['access_token']}"})
        assert me.status_code == 200
        assert rows(database, "SELECT issuer, subject FROM identity WHERE user_id = %s", session["user"]["id"]) == [
            (oidc.issuer, f"sub-{member}")
        ]
        assert audited(admin_url, "session.opened", method="single_sign_on") >= 1
        assert audited(admin_url, "identity.linked", provider=oidc.issuer) >= 1
        recipients, mail = smtp.received()
        assert (recipients, "for the first time" in mail.get_content()) == ([member], True)

    async def test_is_known_by_the_subject_from_then_on(self, browser: Browser, database, member, oidc, smtp):
        oidc.sign_on_as(member, "s-1")
        await browser.sign_on()
        smtp.received()
        first = (await browser.session())["user"]
        oidc.sign_on_as(f"married-{member}", "s-1")
        assert (await browser.sign_on()).headers["location"] == "/"
        assert (await browser.session())["user"] == first
        assert smtp.is_empty()
        assert rows(database, "SELECT count(*) FROM identity WHERE user_id = %s", first["id"]) == [(1,)]

    async def test_keeps_the_password(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        await browser.sign_on()
        assert (await log_in(browser.client, member)).status_code == 200

    async def test_may_have_an_address_that_the_provider_writes_otherwise(self, browser: Browser, member, oidc):
        oidc.sign_on_as(f" {member.upper()} ", "s-upper")
        await browser.sign_on()
        assert (await browser.session())["user"]["email"] == member

    async def test_signs_on_in_two_tabs(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        ways = [await browser.at_provider(f"/{name}/") for name in ("first", "second")]
        answers = [await browser.client.get(way) for way in ways[:1]]
        assert answers[0].headers["location"] == "/first/"

    async def test_with_keys_on_the_curve_p_256(self, settings, database, acme, member):
        with running_oidc() as provider:
            provider.rotate("ES256")
            provider.sign_on_as(member)
            async with signing_on(settings, database, provider, OPSINTEL_OIDC_EMAIL_DOMAINS=DOMAIN) as browser:
                assert (await browser.sign_on()).headers["location"] == "/"

    async def test_whose_address_stands_in_the_user_information_alone(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member, "s-thin")
        oidc.lies.claims = {"email": None, "email_verified": None}
        oidc.lies.user_information = {"sub": "s-thin", "email": member, "email_verified": True}
        assert (await browser.sign_on()).headers["location"] == "/"
        oidc.lies.user_information["sub"] = "somebody else"
        assert error_of(await browser.sign_on()) == "answer_refused"


class TestRefusal:
    async def refused(self, browser: Browser, database, reason: str) -> None:
        """Sign on, and see that it is refused for a reason and leaves no link behind."""
        before = rows(database, "SELECT count(*) FROM identity"), rows(database, "SELECT count(*) FROM refresh_token")
        assert error_of(await browser.sign_on()) == reason
        after = rows(database, "SELECT count(*) FROM identity"), rows(database, "SELECT count(*) FROM refresh_token")
        assert after == before
        assert await browser.session() == {"authenticated": False}

    async def test_of_an_account_whose_domain_the_operator_does_not_vouch_for(
        self, stranger: Browser, database, member, oidc, admin_url
    ):
        oidc.sign_on_as(member)
        await self.refused(stranger, database, "account_not_linked")
        assert audited(admin_url, "sign_on.refused", reason="account_not_linked") == 1

    async def test_of_other_domains_than_the_operators(self, browser: Browser, database, other: Seeded, oidc):
        for email in (other.email("owner"), f"x@sub.{DOMAIN}", f"x@not{DOMAIN}", f"x@{DOMAIN}@evil.example"):
            oidc.sign_on_as(email)
            await self.refused(browser, database, "domain_refused")

    @pytest.mark.parametrize("verified", [False, None, "true", 1, "false", []])
    async def test_of_addresses_that_the_provider_does_not_vouch_for(
        self, browser: Browser, database, member, oidc, verified
    ):
        oidc.sign_on_as(member, email_verified=verified, xms_edov=True)
        await self.refused(browser, database, "email_unverified")

    async def test_of_who_has_no_account_which_makes_none(self, browser: Browser, database, guest, oidc, admin_url):
        oidc.sign_on_as(guest)
        await self.refused(browser, database, "account_unknown")
        assert rows(database, "SELECT FROM app_user WHERE email = %s", guest) == []
        assert audited(admin_url, "sign_on.refused", reason="account_unknown") == 1

    async def test_of_who_has_the_address_of_somebody_before(self, browser: Browser, database, member, oidc):
        oidc.sign_on_as(member, "who left")
        await browser.sign_on()
        browser.client.cookies.clear()
        oidc.sign_on_as(member, "who came")
        await self.refused(browser, database, "account_linked_otherwise")

    @pytest.mark.parametrize(
        "ending",
        ["DELETE FROM membership WHERE user_id = %s", "UPDATE app_user SET disabled_at = now() WHERE id = %s"],
        ids=["removed", "disabled"],
    )
    async def test_of_who_is_no_member_any_more(self, browser: Browser, database, member, oidc, ending):
        oidc.sign_on_as(member)
        await browser.sign_on()
        user_id = (await browser.session())["user"]["id"]
        browser.client.cookies.clear()
        with database.system_tx() as connection:
            connection.execute(ending, (user_id,))
        await self.refused(browser, database, "not_a_member")


class TestPasswordsOff:
    @pytest_asyncio.fixture
    async def browser(self, settings, database, acme: Seeded, oidc) -> AsyncIterator[Browser]:
        environment = {"OPSINTEL_OIDC_EMAIL_DOMAINS": DOMAIN, "OPSINTEL_PASSWORDS": "off"}
        async with signing_on(settings, database, oidc, OPSINTEL_REGISTRATION="open", **environment) as opened:
            yield opened

    async def test_close_every_way_in_by_password_and_leave_single_sign_on(self, browser: Browser, member, oidc):
        options = (await browser.client.get("/v1/auth/options")).json()
        assert (options["passwords"], options["registration"]) == (False, False)
        oidc.sign_on_as(member)
        await browser.sign_on()
        token = {"Authorization": f"Bearer {(await browser.session())['access_token']}"}
        link = {"token": "x", "password": PASSWORD}
        registration = {"email": member, "name": "M", "password": PASSWORD, "organization": "O"}
        for method, path, body in (
            ("POST", "/v1/auth/login", {"email": member, "password": PASSWORD}),
            ("POST", "/v1/auth/reset", {"email": member}),
            ("POST", "/v1/auth/reset/confirm", link),
            ("POST", "/v1/auth/register", registration),
            ("POST", "/v1/auth/register/confirm", {"token": "x"}),
            ("POST", "/v1/auth/invitations/accept", link),
            ("PUT", "/v1/me/password", {"current": PASSWORD, "new": PASSWORD}),
        ):
            answer = await browser.client.request(method, path, json=body, headers=token)
            assert (path, answer.status_code) == (path, 403)
            assert answer.json()["detail"] == "Passwords are switched off; use single sign-on"


def test_every_fault_has_a_sentence_on_the_log_in_page(pytestconfig):
    page = (pytestconfig.rootpath / "frontend" / "lib" / "sign-on.ts").read_text()
    assert [fault for fault in FAULTS if f"{fault}:" not in page] == []
