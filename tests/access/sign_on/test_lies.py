"""A provider that lies, or fails, lets nobody in and has none of its words shown."""

from __future__ import annotations

import time

import pytest

from tests.access.signing_on import Browser, error_of, signing_on
from tests.peers.oidc import CLIENT_ID, Key

NEVER_TRUE = {
    "nonce of another request": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
    "further audiences": {"aud": [CLIENT_ID, "other"]},
    "asked for by another client": {"azp": "other"},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "no expiry": {"exp": None},
    "expiry in words": {"exp": "tomorrow"},
    "nobody": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is no text": {"sub": 7},
    "a long subject": {"sub": "s" * 256},
}
FROM_NOW = {
    "expired": {"exp": -600},
    "issued in the future": {"iat": 3600},
    "issued long before": {"iat": -3600},
    "not yet": {"nbf": 3600},
}
"""Times, in seconds from the moment of the lie."""


class TestProviderThatLies:
    async def refused(self, browser: Browser, reason: str) -> None:
        answer = await browser.sign_on()
        assert error_of(answer) == reason
        assert "told to fail" not in answer.text + str(answer.headers)
        assert await browser.session() == {"authenticated": False}

    @pytest.mark.parametrize("lie", NEVER_TRUE)
    async def test_in_a_claim(self, browser: Browser, member, oidc, lie):
        oidc.sign_on_as(member)
        oidc.lies.claims = NEVER_TRUE[lie]
        await self.refused(browser, "answer_refused")

    @pytest.mark.parametrize("lie", FROM_NOW)
    async def test_in_a_time(self, browser: Browser, member, oidc, lie):
        oidc.sign_on_as(member)
        oidc.lies.claims = {claim: int(time.time()) + seconds for claim, seconds in FROM_NOW[lie].items()}
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
