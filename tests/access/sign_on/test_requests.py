"""What belongs together in a sign-on: the browser, the state, the code and its challenge."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from opsintel.access.authorization_requests import BROWSER, Errand, begin, redeem
from opsintel.access.opaque import new_token
from tests.access.signing_on import COOKIE, DOMAIN, Browser, error_of, rows, signing_on
from tests.peers.oidc import CLIENT_SECRET


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

    async def test_is_worth_nothing_without_the_key_of_the_installation(self, browser: Browser):
        database = browser.services.database
        for key, is_ours in ((b"k" * 32, True), (b"", False)):
            begun = await begin(database, Errand("sign_on", "https://id.example"), None, b"k" * 32)
            back = await redeem(database, "sign_on", "https://id.example", begun.state, begun.browser, key)
            proof = base64.urlsafe_b64encode(hashlib.sha256(back.verifier.encode()).digest()).rstrip(b"=")
            assert (proof.decode() == begun.challenge, back.nonce == begun.nonce) == (is_ours, is_ours)


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
