"""Single sign-on from the button to the session, through a real provider that can be told to lie."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
import pytest_asyncio

from opsintel.access.accounts import create_user
from opsintel.access.authorization_requests import BROWSER
from opsintel.access.opaque import new_token
from opsintel.access.passwords import NO_PASSWORD
from opsintel.ids import new_id
from opsintel_api.auth.sign_on import FAULTS
from opsintel_api.auth.throttle import TRIES_PER_ADDRESS
from tests.access.people import bearer, log_in
from tests.access.signing_on import OURS, Browser, agree, error_of, signing_on
from tests.peers.oidc import CLIENT_ID, CLIENT_SECRET, LABEL, Key, OidcPeer, running_oidc
from tests.peers.smtp import SmtpPeer, running_smtp
from tests.seeding import PASSWORD, Seeded

DOMAIN = "acme.example"
PUBLIC = "https://ops.example.com"
COOKIE = "opsintel_sign_on"


@pytest.fixture(scope="module")
def oidc() -> Iterator[OidcPeer]:
    with running_oidc() as peer:
        yield peer


@pytest.fixture
def smtp() -> Iterator[SmtpPeer]:
    with running_smtp() as peer:
        yield peer


@pytest_asyncio.fixture
async def browser(settings, database, acme: Seeded, other: Seeded, oidc, smtp) -> AsyncIterator[Browser]:
    """Of an installation whose operator vouches for the domain of acme."""
    async with signing_on(settings, database, oidc, smtp, OPSINTEL_OIDC_EMAIL_DOMAINS=DOMAIN) as opened:
        yield opened


@pytest_asyncio.fixture
async def stranger(settings, database, acme: Seeded, other: Seeded, oidc, smtp) -> AsyncIterator[Browser]:
    """Of an installation whose operator has no list of domains."""
    async with signing_on(settings, database, oidc, smtp) as opened:
        yield opened


@pytest.fixture
def member(database, acme: Seeded) -> str:
    """An address of acme with an account and a password."""
    email = f"m{new_id().hex[-12:]}@{DOMAIN}"
    create_user(database, email, "Mia", PASSWORD, acme.tenant_id, "analyst")
    return email


@pytest.fixture
def guest() -> str:
    """An address of acme's domain without an account."""
    return f"g{new_id().hex[-12:]}@{DOMAIN}"


def rows(database, statement: str, *values: object) -> list[tuple]:
    with database.system_tx() as connection:
        return connection.execute(statement, values).fetchall()


def audited(admin_url: str, action: str, **details: str) -> int:
    """Return how many entries of the audit log, in all chains, have an action and these details."""
    with psycopg.connect(admin_url) as connection:
        return connection.execute(
            "SELECT count(*) FROM audit_log WHERE action = %s AND details @> %s::jsonb", (action, json.dumps(details))
        ).fetchone()[0]


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


class TestState:
    async def test_works_once(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        oidc.lies.accepts_any_code = True
        way = await browser.at_provider()
        held = dict(browser.client.cookies)
        assert (await browser.client.get(way)).headers["location"] == "/"
        browser.client.cookies.clear()
        browser.client.cookies.update(held)
        assert error_of(await browser.client.get(way)) == "request_ended"

    async def test_works_once_for_twenty_at_once(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        oidc.lies.accepts_any_code = True
        way = await browser.at_provider()
        answers = await asyncio.gather(*(browser.client.get(way) for _ in range(20)))
        assert sorted(answer.headers["location"] for answer in answers) == ["/"] + ["/login/?error=request_ended"] * 19

    @pytest.mark.parametrize("cookie", [None, new_token(BROWSER)[:-6] + "000000", "x", ""], ids=["none", "a", "b", "c"])
    async def test_works_in_the_browser_that_began_it_and_nowhere_after_it_was_seen_elsewhere(
        self, browser: Browser, member, oidc, cookie
    ):
        oidc.sign_on_as(member)
        way = await browser.at_provider()
        held = dict(browser.client.cookies)
        browser.client.cookies.clear()
        if cookie is not None:
            browser.client.cookies[COOKIE] = cookie
        assert error_of(await browser.client.get(way)) == "request_ended"
        browser.client.cookies.clear()
        browser.client.cookies.update(held)
        assert error_of(await browser.client.get(way)) == "request_ended"

    async def test_ends_after_ten_minutes(self, browser: Browser, database, member, oidc):
        oidc.sign_on_as(member)
        way = await browser.at_provider()
        assert rows(database, "SELECT DISTINCT expires_at - created_at FROM authorization_request")[0][
            0
        ].seconds // 60 in (
            9,
            10,
        )
        with database.system_tx() as connection:
            connection.execute("UPDATE authorization_request SET expires_at = now() - interval '1 second'")
        assert error_of(await browser.client.get(way)) == "request_ended"
        await browser.start()
        assert len(rows(database, "SELECT FROM authorization_request WHERE expires_at < now()")) == 0

    @pytest.mark.parametrize("state", [None, "", "x", "opa_" + "0" * 49, "%00", "'; DROP TABLE identity --"])
    async def test_that_is_none_of_ours_asks_nothing_of_the_provider(self, browser: Browser, oidc, state):
        oidc.asked.clear()
        query = {"code": "c", **({} if state is None else {"state": state})}
        assert error_of(await browser.client.get("/v1/auth/sso/callback", params=query)) == "request_ended"
        assert oidc.asked == []

    async def test_is_kept_in_no_form_that_opens_anything(self, browser: Browser, database, member, oidc):
        oidc.sign_on_as(member)
        way = await browser.at_provider()
        kept = str(rows(database, "SELECT row_to_json(kept)::text FROM authorization_request AS kept"))
        cookie = browser.client.cookies[COOKIE]
        await browser.client.get(way)
        verifier, asked = oidc.exchanges[-1]["code_verifier"], oidc.authorizations[-1]
        for secret in (asked["state"], asked["nonce"], verifier, cookie):
            assert len(secret) >= 43
            assert secret not in kept
            assert secret.encode().hex() not in kept


class TestCode:
    async def test_of_another_request_is_refused_by_the_challenge(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        stolen = parse_qs(urlsplit(await browser.at_provider()).query)["code"][0]
        own = urlsplit(await browser.at_provider())
        query = {name: values[0] for name, values in parse_qs(own.query).items()} | {"code": stolen}
        assert error_of(await browser.client.get(own.path, params=query)) == "answer_refused"

    async def test_of_another_request_is_refused_by_the_nonce_where_the_provider_checks_no_challenge(
        self, browser: Browser, member, oidc
    ):
        oidc.sign_on_as(member)
        oidc.lies.accepts_any_code = True
        stolen = parse_qs(urlsplit(await browser.at_provider()).query)["code"][0]
        own = urlsplit(await browser.at_provider())
        query = {name: values[0] for name, values in parse_qs(own.query).items()} | {"code": stolen}
        assert error_of(await browser.client.get(own.path, params=query)) == "answer_refused"

    async def test_is_exchanged_with_the_secret_in_a_header_and_the_same_redirect_address(
        self, browser: Browser, member, oidc
    ):
        oidc.sign_on_as(member)
        await browser.sign_on()
        form = oidc.exchanges[-1]
        assert form["redirect_uri"] == oidc.authorizations[-1]["redirect_uri"]
        assert CLIENT_SECRET not in str(form)

    async def test_is_exchanged_with_the_secret_in_the_body_where_the_provider_wants_it_so(
        self, settings, database, acme, member, oidc
    ):
        oidc.sign_on_as(member)
        oidc.lies.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        async with signing_on(settings, database, oidc, OPSINTEL_OIDC_EMAIL_DOMAINS=DOMAIN) as browser:
            assert (await browser.sign_on()).headers["location"] == "/"
        assert oidc.exchanges[-1]["client_secret"] == CLIENT_SECRET


MOMENT = int(time.time())
CLAIMS = {
    "nonce of another request": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
    "further audiences": {"aud": [CLIENT_ID, "other"]},
    "asked for by another client": {"azp": "other"},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "expired": {"exp": MOMENT - 600},
    "no expiry": {"exp": None},
    "expiry in words": {"exp": "tomorrow"},
    "issued in the future": {"iat": MOMENT + 3600},
    "issued long before": {"iat": MOMENT - 3600},
    "not yet": {"nbf": MOMENT + 3600},
    "nobody": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is no text": {"sub": 7},
    "a long subject": {"sub": "s" * 256},
}


class TestProviderThatLies:
    async def refused(self, browser: Browser, reason: str) -> None:
        answer = await browser.sign_on()
        assert error_of(answer) == reason
        assert "told to fail" not in answer.text + str(answer.headers)
        assert await browser.session() == {"authenticated": False}

    @pytest.mark.parametrize("lie", CLAIMS)
    async def test_in_a_claim(self, browser: Browser, member, oidc, lie):
        oidc.sign_on_as(member)
        oidc.lies.claims = CLAIMS[lie]
        await self.refused(browser, "answer_refused")

    @pytest.mark.parametrize("algorithm", ["none", "HS256"])
    async def test_in_the_algorithm(self, browser: Browser, member, oidc, algorithm):
        oidc.sign_on_as(member)
        oidc.lies.algorithm = algorithm
        await self.refused(browser, "answer_refused")

    async def test_in_the_signature(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        oidc.lies.key = Key("RS256")
        await self.refused(browser, "answer_refused")
        oidc.lies.header = {"kid": oidc.keys[0].id}
        await self.refused(browser, "answer_refused")
        oidc.lies.header |= {"jwk": oidc.lies.key.published(), "jku": f"{oidc.issuer}/x", "x5u": f"{oidc.issuer}/x"}
        await self.refused(browser, "answer_refused")
        assert "/x" not in oidc.asked

    @pytest.mark.parametrize("issuer", ["https://evil.example", None, ""])
    async def test_about_who_answers(self, browser: Browser, member, oidc, issuer):
        oidc.sign_on_as(member)
        oidc.lies.callback = {"iss": issuer}
        await self.refused(browser, "answer_refused")

    async def test_with_an_error_shows_none_of_its_words(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        words = {"error_description": "told to fail", "error_uri": "https://evil.example/told to fail"}
        oidc.lies.callback = {"code": None, "error": "access_denied", **words}
        await self.refused(browser, "cancelled")
        oidc.lies.callback = {"code": None, "error": "told to fail", **words}
        await self.refused(browser, "answer_refused")

    async def test_with_a_parameter_that_stands_twice(self, browser: Browser, member, oidc):
        oidc.sign_on_as(member)
        answer = await browser.client.get(await browser.at_provider() + "&code=x")
        assert (answer.status_code, "set-cookie" in answer.headers) == (422, False)

    @pytest.mark.parametrize("status", [400, 401, 429, 500, 302])
    async def test_with_a_refusal_of_the_code(self, browser: Browser, member, oidc, status):
        oidc.sign_on_as(member)
        oidc.lies.token_status = status
        await self.refused(browser, "answer_refused" if status in (400, 401) else "provider_unavailable")

    @pytest.mark.parametrize(
        "lies",
        [
            {"huge": True},
            {"redirect": True},
            {"discovery": {"issuer": "https://evil.example"}},
            {"discovery": {"authorization_endpoint": "http://evil.example/authorize"}},
            {"discovery": {"authorization_endpoint": "javascript:alert(1)"}},
            {"discovery": {"token_endpoint": "http://127.0.0.1:1/token"}},
            {"discovery": {"token_endpoint": "https://[::1"}},
            {"discovery": {"jwks_uri": None}},
            {"discovery": {"userinfo_endpoint": 7}},
        ],
        ids=str,
    )
    async def test_about_itself_is_not_asked_further(self, settings, database, acme, oidc, lies):
        oidc.sign_on_as("x@acme.example")
        for name, value in lies.items():
            setattr(oidc.lies, name, value)
        oidc.asked.clear()
        async with signing_on(settings, database, oidc) as browser:
            assert error_of(await browser.start()) == "provider_unavailable"
            assert error_of(await browser.start()) == "provider_unavailable"
        assert oidc.asked == ["/.well-known/openid-configuration"]

    async def test_with_a_secret_that_is_not_ours_says_so_in_the_log_alone(
        self, settings, database, acme, member, oidc, caplog
    ):
        oidc.sign_on_as(member)
        async with signing_on(settings, database, oidc, OPSINTEL_OIDC_CLIENT_SECRET="of another day") as browser:
            await self.refused(browser, "provider_unavailable")
        assert "Check OPSINTEL_OIDC_CLIENT_ID" in caplog.text
        assert "of another day" not in caplog.text


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
