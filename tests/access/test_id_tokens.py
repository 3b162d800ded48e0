"""ID tokens and keys of a provider of single sign-on: what is believed, and for how long."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from opsintel.access.single_sign_on.claims import (
    SKEW,
    ClaimsError,
    Expected,
    UnknownKeyError,
    checked_claims,
    person_of,
)
from opsintel.access.single_sign_on.provider import KEPT_SECONDS, PAUSE_SECONDS, Client, Provider
from opsintel.errors import UnavailableError
from opsintel.net.policy import Policy
from tests.peers.oidc import CLIENT_ID, CLIENT_SECRET, Key, OidcPeer, running_oidc

NONCE = "n" * 43
ISSUER = "https://id.example"
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def peer() -> OidcPeer:
    """A provider that signs, and answers nobody."""
    made = OidcPeer()
    made.issuer = ISSUER
    made.person = {"sub": "s"}
    return made


@pytest.fixture(autouse=True)
def honest(peer: OidcPeer) -> None:
    peer.sign_on_as("ana@acme.example", "s")


def this_second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def checked(encoded: str, keys: list[dict[str, Any]], at: datetime | None = None) -> dict[str, Any]:
    moment = at or this_second()
    return checked_claims(encoded, keys, Expected(ISSUER, CLIENT_ID, NONCE, moment), moment)


def claims_of(
    peer: OidcPeer, *, at: datetime | None = None, keys: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    published = [key.published() for key in peer.keys] if keys is None else keys
    return checked(peer.id_token(NONCE), published, at)


class TestTimes:
    @pytest.mark.parametrize(
        ("claims", "is_taken"),
        [
            ({"exp": -SKEW + SECOND}, True),
            ({"exp": -SKEW}, False),
            ({"iat": SKEW}, True),
            ({"iat": SKEW + SECOND}, False),
            ({"iat": -SKEW}, True),
            ({"iat": -SKEW - SECOND}, False),
            ({"nbf": SKEW}, True),
            ({"nbf": SKEW + SECOND}, False),
        ],
        ids=lambda value: "".join(value) if isinstance(value, dict) else str(value),
    )
    def test_differ_by_five_minutes_at_most(self, peer: OidcPeer, claims: dict[str, timedelta], is_taken: bool) -> None:
        moment = this_second()
        peer.lies.claims = {name: int((moment + away).timestamp()) for name, away in claims.items()}
        if is_taken:
            assert claims_of(peer, at=moment)["sub"] == "s"
        else:
            with pytest.raises(ClaimsError):
                claims_of(peer, at=moment)

    @pytest.mark.parametrize("value", [True, "1", [], {}, float("inf"), float("nan")], ids=str)
    @pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
    def test_are_numbers(self, peer: OidcPeer, name: str, value: Any) -> None:
        peer.lies.claims = {name: value}
        with pytest.raises(ClaimsError):
            claims_of(peer)


class TestKeys:
    def test_without_an_id_are_found_where_there_is_only_one(self, peer: OidcPeer) -> None:
        peer.lies.header = {"kid": None}
        unnamed = {name: value for name, value in peer.keys[0].published().items() if name != "kid"}
        assert claims_of(peer, keys=[unnamed, Key("ES256").published()])
        with pytest.raises(UnknownKeyError):
            claims_of(peer, keys=[unnamed, Key("RS256").published()])

    @pytest.mark.parametrize(
        "change",
        [{"use": "enc"}, {"alg": "RS512"}, {"kty": "EC"}, {"kty": "oct", "k": "AAAA"}, {"kid": "other"}, {"kid": None}],
        ids=str,
    )
    def test_of_another_use_are_passed_over(self, peer: OidcPeer, change: dict[str, Any]) -> None:
        with pytest.raises(UnknownKeyError):
            claims_of(peer, keys=[peer.keys[0].published() | change])

    @pytest.mark.parametrize(
        "change", [{"n": ""}, {"n": 7}, {"n": "AQAB"}, {"e": None}, {"n": "%"}, {"d": "AQAB"}], ids=str
    )
    def test_that_cannot_be_read_open_nothing(self, peer: OidcPeer, change: dict[str, Any]) -> None:
        with pytest.raises(ClaimsError):
            claims_of(peer, keys=[peer.keys[0].published() | change])

    def test_that_are_weak_open_nothing(self, peer: OidcPeer) -> None:
        weak = Key("RS256")
        weak.private = rsa.generate_private_key(65537, 1024)
        peer.lies.key = weak
        with pytest.raises(ClaimsError, match="too weak"):
            claims_of(peer, keys=[weak.published()])
        other_curve = Key("ES256")
        other_curve.private = ec.generate_private_key(ec.SECP384R1())
        with pytest.raises(ClaimsError):
            claims_of(peer, keys=[other_curve.published() | {"kid": weak.id}])

    def test_that_are_private_or_shared_are_no_keys(self, peer: OidcPeer) -> None:
        private = jwt.algorithms.RSAAlgorithm.to_jwk(peer.keys[0].private, as_dict=True) | {"kid": peer.keys[0].id}
        with pytest.raises(ClaimsError):
            claims_of(peer, keys=[private])


class TestForm:
    @pytest.mark.parametrize(
        "header", [{"crit": ["x"], "x": 1}, {"crit": []}, {"alg": "RS512"}, {"alg": ["RS256"]}], ids=str
    )
    def test_of_the_header_is_plain(self, peer: OidcPeer, header: dict[str, Any]) -> None:
        peer.lies.header = header
        with pytest.raises(ClaimsError):
            claims_of(peer)

    def test_with_a_name_that_occurs_twice_is_refused(self, peer: OidcPeer) -> None:
        key = peer.keys[0]
        twice = json.dumps({"iss": ISSUER, "aud": CLIENT_ID}).replace("}", ', "iss": "x"}')
        parts = (json.dumps({"alg": "RS256", "kid": key.id}), twice)
        signed = ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
        signature = jwt.get_algorithm_by_name("RS256").sign(signed.encode(), key.private)
        encoded = f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        with pytest.raises(ClaimsError):
            checked(encoded, [key.published()])

    def test_of_more_than_16_kb_is_refused_however_well_it_is_signed(self, peer: OidcPeer) -> None:
        peer.lies.claims = {"note": "x" * 10_000}
        assert claims_of(peer)["note"]
        peer.lies.claims = {"note": "x" * 13_000}
        with pytest.raises(ClaimsError, match="too long"):
            claims_of(peer)

    @pytest.mark.parametrize("encoded", ["", ".", "..", "...", "a.b.c", "e30.e30.", "é.e30.", "W10.e30.", "a" * 20_000])
    def test_of_anything_else_is_refused(self, peer: OidcPeer, encoded: str) -> None:
        with pytest.raises(ClaimsError):
            checked(encoded, [key.published() for key in peer.keys])


class TestPerson:
    @pytest.mark.parametrize(
        ("issuer", "claims", "email"),
        [
            (ISSUER, {"email_verified": True}, "a@b.example"),
            (ISSUER, {"email_verified": True, "email": "A@B.Example "}, "a@b.example"),
            (ISSUER, {"email_verified": True, "email": "a b@c"}, None),
            (ISSUER, {"email_verified": True, "email": ["a@b.example"]}, None),
            (ISSUER, {"email_verified": "true"}, None),
            (ISSUER, {"email_verified": 1}, None),
            (ISSUER, {"xms_edov": True}, None),
            ("https://login.microsoftonline.com/t/v2.0", {"xms_edov": True}, "a@b.example"),
            ("https://login.microsoftonline.com/t/v2.0", {"xms_edov": "1"}, "a@b.example"),
            ("https://login.microsoftonline.com/t/v2.0", {"xms_edov": False}, None),
            ("https://login.microsoftonline.com/t/v2.0", {"xms_edov": "0"}, None),
            ("https://login.microsoftonline.com/t/v2.0", {"xms_edov": "false"}, None),
            ("https://login.microsoftonline.com/t/v2.0", {}, None),
            ("https://login.microsoftonline.com/t/v2.0", {"xms_edov": True, "email_verified": False}, None),
        ],
    )
    def test_has_the_address_that_the_provider_vouches_for(self, issuer: str, claims: dict, email: str | None) -> None:
        assert person_of({"sub": "s", "email": "a@b.example", **claims}, issuer).email == email

    @pytest.mark.parametrize("subject", ["s\x00", "a\nb", "\u202es", "", "s" * 256, 7, None], ids=ascii)
    def test_without_a_subject_that_can_be_told_apart_is_nobody(self, subject: Any) -> None:
        with pytest.raises(ClaimsError):
            person_of({"sub": subject}, ISSUER)

    @pytest.mark.parametrize(
        ("name", "shown"), [("A\nn\x00a\u202e ", "Ana"), (7, ""), (None, ""), ("x" * 999, "x" * 200)]
    )
    def test_has_a_name_without_characters_that_steer(self, name: Any, shown: str) -> None:
        assert person_of({"sub": "s", "name": name}, ISSUER).name == shown


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class TestWhatIsPublished:
    @pytest.fixture
    def live(self) -> Iterator[OidcPeer]:
        with running_oidc() as running:
            running.sign_on_as("ana@acme.example", "s")
            yield running

    def provider(self, live: OidcPeer, clock: Clock, **limits: Any) -> Provider:
        host, _, port = live.issuer.removeprefix("http://").partition(":")
        policy = Policy(local_servers=frozenset({(host, int(port))}), **limits)
        return Provider(Client(live.issuer, CLIENT_ID, CLIENT_SECRET), policy, clock)

    async def sign_on(self, provider: Provider, live: OidcPeer) -> str:
        live.lies.accepts_any_code = True
        live.authorizations.append(
            {"nonce": NONCE, "code_challenge": "", "code_challenge_method": "", "redirect_uri": ""}
        )
        expected = Expected(live.issuer, CLIENT_ID, NONCE, datetime.now(UTC))
        return (await provider.person_of_code("c", "https://ops.example.com/", "v" * 43, expected)).subject

    async def test_is_asked_for_once_by_all_who_come_at_a_time(self, live: OidcPeer) -> None:
        provider = self.provider(live, Clock())
        await asyncio.gather(*(self.sign_on(provider, live) for _ in range(10)))
        assert sorted(path for path in live.asked if path != "/token") == ["/.well-known/openid-configuration", "/keys"]

    async def test_is_asked_for_again_when_a_key_is_new_but_once_a_minute(self, live: OidcPeer) -> None:
        clock = Clock()
        provider = self.provider(live, clock)
        assert await self.sign_on(provider, live) == "s"
        live.rotate()
        for _ in range(3):
            with pytest.raises(UnknownKeyError):
                await self.sign_on(provider, live)
        assert live.asked.count("/keys") == 1
        clock.seconds = PAUSE_SECONDS + 1
        assert await self.sign_on(provider, live) == "s"
        live.rotate("ES256")
        with pytest.raises(UnknownKeyError):
            await self.sign_on(provider, live)
        assert live.asked.count("/keys") == 2

    async def test_is_believed_for_an_hour_so_that_a_withdrawn_key_ends(self, live: OidcPeer) -> None:
        clock = Clock()
        provider = self.provider(live, clock)
        live.lies.key = live.keys[0]
        await self.sign_on(provider, live)
        live.keys = [Key("RS256")]
        assert await self.sign_on(provider, live) == "s"
        clock.seconds = KEPT_SECONDS + 1
        with pytest.raises(UnknownKeyError):
            await self.sign_on(provider, live)

    async def test_is_not_waited_for_without_end(self, live: OidcPeer) -> None:
        live.lies.holds = threading.Event()
        provider = self.provider(live, Clock(), total_seconds=0.2)
        try:
            with pytest.raises(UnavailableError):
                await provider.authorization_url("https://ops.example.com/", "s", NONCE, "c")
        finally:
            live.lies.holds.set()
