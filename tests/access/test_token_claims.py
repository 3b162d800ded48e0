"""Checks 15 to 17 and 65 through the API: the claims of an access token, and clocks that are minutes apart."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from opsintel import clock
from opsintel.access import account_tokens, own_password, tokens
from opsintel.access.tokens import AUDIENCE, ISSUER, LIFETIME_SECONDS, SKEW_SECONDS
from opsintel.db.engine import Database
from opsintel_api.auth import sessions
from opsintel_pipeline.normalize import dates
from tests.access.attack import Api
from tests.access.forging import Forge, refused
from tests.access.people import log_in, refresh, refresh_token
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT = 1_900_000_000
INVALID, EXPIRED = "The access token is not valid", "The access token has expired"
CLAIMS = ["iss", "aud", "iat", "nbf", "exp", "sub", "tenant", "sid"]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Set the clock that tokens are checked by."""

    def set_clock(moment: float) -> None:
        monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: moment))

    set_clock(AT)
    return set_clock


def timed(forge: Forge, **times: Any) -> str:
    """Return a token issued at AT with some times changed."""
    issued = {"iat": AT, "nbf": AT, "exp": AT + LIFETIME_SECONDS}
    return forge.token(claims=forge.claims | issued | times)


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def test_a_forged_token_without_a_fault_is_taken(forge: Forge, at):
    assert await forge.taken(timed(forge))


class TestIssuerAndAudience:
    @pytest.mark.parametrize(
        "issuer",
        ["", "another", "OPSINTEL", "opsintel ", " opsintel", "opsintel\0", "opsintel.evil", "https://opsintel", None,
         0, True, [ISSUER], {ISSUER: 1}, [], AUDIENCE],
        ids=ascii,
    )  # fmt: skip
    async def test_check_15_another_issuer_is_refused(self, forge: Forge, issuer: Any):
        assert refused(await forge.shown(forge.token(claims=forge.claims | {"iss": issuer}))) == INVALID

    @pytest.mark.parametrize(
        "audience",
        ["", "another", "OPSINTEL-API", "opsintel-api ", "opsintel-api/", None, 0, True, [], [AUDIENCE], {AUDIENCE: 1},
         [AUDIENCE, "another"], ["another"], [None], [[AUDIENCE]], ISSUER],
        ids=ascii,
    )  # fmt: skip
    async def test_check_15_another_audience_is_refused(self, forge: Forge, audience: Any):
        reason = refused(await forge.shown(forge.token(claims=forge.claims | {"aud": audience})))
        assert reason in (INVALID, "The access token is for another audience")


class TestTimes:
    @pytest.mark.parametrize("left", [LIFETIME_SECONDS, 1, 0.001])
    async def test_check_16_until_its_last_moment_it_is_taken(self, forge: Forge, at, left: float):
        at(AT + LIFETIME_SECONDS - left)
        assert await forge.taken(timed(forge))

    @pytest.mark.parametrize("after", [0, 0.001, 1, SKEW_SECONDS - 1, SKEW_SECONDS, 10**6])
    async def test_check_16_from_its_end_on_it_is_not(self, forge: Forge, at, after: float):
        at(AT + LIFETIME_SECONDS + after)
        assert refused(await forge.shown(timed(forge))) == EXPIRED

    @pytest.mark.parametrize("name", ["nbf", "iat"])
    async def test_check_16_what_begins_later_than_clocks_differ_is_refused(self, forge: Forge, at, name: str):
        for ahead in (SKEW_SECONDS + 1, LIFETIME_SECONDS - 1, 10**9):
            changed = {name: AT + ahead}
            if name == "iat":
                changed["exp"] = AT + ahead + LIFETIME_SECONDS
            assert refused(await forge.shown(timed(forge, **changed))) == INVALID

    @pytest.mark.parametrize("exp", [LIFETIME_SECONDS + 1, 10**6, 2**31, 2**63, 10**300])
    async def test_check_16_what_lives_longer_than_ours_is_refused(self, forge: Forge, at, exp: int):
        assert refused(await forge.shown(timed(forge, exp=AT + exp))) == INVALID
        assert refused(await forge.shown(timed(forge, iat=AT - exp, nbf=AT - exp, exp=AT + 1))) == INVALID

    @pytest.mark.parametrize("name", ["iat", "nbf", "exp"])
    @pytest.mark.parametrize(
        "written",
        ["null", "true", "false", '""', '"now"', f'"{AT}"', f"{AT}.0", f"{AT}.5", "1.9e9", "NaN", "Infinity",
         "-Infinity", "1e999", "[]", "{}", f"[{AT}]"],
    )  # fmt: skip
    async def test_check_16_a_time_is_a_whole_number(self, forge: Forge, at, name: str, written: str):
        claims = json.loads(json.dumps(forge.claims | {"iat": AT, "nbf": AT, "exp": AT + LIFETIME_SECONDS}))
        raw = json.dumps(claims | {name: 0}).replace(f'"{name}": 0', f'"{name}": {written}').encode()
        assert refused(await forge.shown(forge.token(claims=raw))) == INVALID

    @pytest.mark.parametrize("exp", [0, -1, -(10**300), AT - 1])
    async def test_check_16_the_past_does_not_turn_round(self, forge: Forge, at, exp: int):
        assert refused(await forge.shown(timed(forge, exp=exp))) == EXPIRED


class TestPresence:
    @pytest.mark.parametrize("name", CLAIMS)
    async def test_check_17_each_claim_is_needed_and_holds_something(self, forge: Forge, name: str):
        without = {key: value for key, value in forge.claims.items() if key != name}
        assert refused(await forge.shown(forge.token(claims=without))) == INVALID
        for nothing in (None, "", [], {}, False):
            assert not await forge.taken(forge.token(claims=without | {name: nothing}))
        assert refused(await forge.shown(forge.token(claims=without | {name.upper(): forge.claims[name]}))) == INVALID

    @pytest.mark.parametrize("claims", [{}, [], "claims", 7, None, True, b"", b"null", b"{", b"{}x"], ids=ascii)
    async def test_check_17_claims_are_an_object(self, forge: Forge, claims: Any):
        claims = b"null" if claims is None else claims
        assert not await forge.taken(forge.token(claims=claims))

    @pytest.mark.parametrize("name", ["sub", "tenant", "sid"])
    @pytest.mark.parametrize(
        "value",
        ["not a uuid", "' OR 1=1--", "*", "0", 7, True, ["x"], {"$ne": ""}, "\0", "\ud800", "é" * 36,
         "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
        ids=ascii,
    )  # fmt: skip
    async def test_check_17_who_it_is_about_exists(self, forge: Forge, name: str, value: Any):
        assert not await forge.taken(forge.token(claims=forge.claims | {name: value}))

    async def test_check_17_who_it_is_about_belongs_together(self, forge: Forge, acme: Seeded, other: Seeded):
        for change in (
            {"sub": str(acme.users["viewer"])},
            {"sub": str(other.users["owner"])},
            {"tenant": str(other.tenant_id)},
            {"tenant": str(other.tenant_id), "sub": str(other.users["owner"])},
            {"sid": str(acme.tenant_id)},
        ):
            assert refused(await forge.shown(forge.token(claims=forge.claims | change))) == "The session has ended"

    async def test_check_17_claims_that_are_not_ours_give_nothing(self, forge: Forge, api: Api, acme: Seeded):
        more = {
            "role": "owner",
            "scope": "members.manage",
            "scopes": ["*"],
            "admin": True,
            "tenant_id": "x",
            "kid": "x",
        }
        session = await log_in(api.client, acme.email("viewer"))
        payload = claims_of(session.json()["access_token"])
        response = await forge.shown(forge.token(claims=payload | more))
        assert (response.status_code, response.json()["role"]) == (200, "viewer")


class TestClocks:
    @pytest.mark.parametrize("ahead", [-SKEW_SECONDS, -1, 1, SKEW_SECONDS])
    async def test_check_65_tokens_of_a_machine_five_minutes_away_are_taken(self, forge: Forge, at, ahead: int):
        at(AT + ahead)  # our clock; the token was issued by that of another machine
        assert await forge.taken(timed(forge))

    @pytest.mark.parametrize("ahead", [-SKEW_SECONDS - 1, LIFETIME_SECONDS])
    async def test_check_65_farther_away_they_are_not(self, forge: Forge, at, ahead: int):
        at(AT + ahead)
        assert not await forge.taken(timed(forge))

    @pytest.mark.parametrize("skew", [-SKEW_SECONDS, SKEW_SECONDS])
    async def test_check_65_a_second_tab_is_no_thief_whatever_our_clock_says(
        self, api: Api, acme: Seeded, monkeypatch: pytest.MonkeyPatch, skew: int
    ):
        monkeypatch.setattr(sessions, "now", lambda: clock.now() + timedelta(seconds=skew))
        session = await log_in(api.client, acme.email("admin"))
        first, second = [await refresh(api.client, refresh_token(session)) for _ in range(2)]
        assert refresh_token(first) == refresh_token(second)

    @pytest.mark.parametrize("skew", [-SKEW_SECONDS, SKEW_SECONDS])
    async def test_check_65_a_thief_is_one_whatever_our_clock_says(
        self, api: Api, acme: Seeded, database: Database, monkeypatch: pytest.MonkeyPatch, skew: int
    ):
        monkeypatch.setattr(sessions, "now", lambda: clock.now() + timedelta(seconds=skew))
        session = await log_in(api.client, acme.email("admin"))
        await refresh(api.client, refresh_token(session))
        with database.system_tx() as connection:
            connection.execute("UPDATE refresh_token SET replaced_at = replaced_at - interval '11 seconds'")
        assert (await refresh(api.client, refresh_token(session))).status_code == 401

    @pytest.mark.parametrize("skew", [-SKEW_SECONDS, SKEW_SECONDS])
    async def test_check_65_a_link_lives_its_hour_whatever_our_clock_says(
        self, api: Api, acme: Seeded, database: Database, monkeypatch: pytest.MonkeyPatch, skew: int
    ):
        monkeypatch.setattr(account_tokens, "now", lambda: clock.now() + timedelta(seconds=skew), raising=False)
        services = api.client._transport.app.state.services  # type: ignore[attr-defined]
        assert await own_password.issue_reset(services.database, acme.email("admin"))
        with database.system_tx() as connection:
            row = connection.execute(
                "SELECT extract(epoch FROM expires_at - now()) FROM account_token WHERE purpose = 'reset'"
                " AND used_at IS NULL ORDER BY id DESC LIMIT 1"
            ).fetchone()
        assert row is not None
        assert 3600 - 60 < row[0] <= 3600

    @pytest.mark.parametrize("skew", [-SKEW_SECONDS, 0, SKEW_SECONDS])
    async def test_check_65_a_mail_from_a_clock_that_is_ahead_keeps_its_time(self, skew: int):
        sent = clock.now().replace(microsecond=0) + timedelta(seconds=skew)
        assert dates.from_value(sent.isoformat()) == (sent, "")
