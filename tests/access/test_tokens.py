"""Access tokens against the attacks of RFC 8725."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from opsintel.access.tokens import (
    AUDIENCE,
    ISSUER,
    LIFETIME_SECONDS,
    SKEW_SECONDS,
    TYPE,
    AccessToken,
    InvalidToken,
    issue,
    verify,
)
from opsintel.ids import new_id

KEY = b"a key of thirty-two bytes or more"
AT = 1_800_000_000
HEADER = {"alg": "HS256", "typ": TYPE}
TOKEN = AccessToken(new_id(), new_id(), new_id())
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "iat": AT,
    "nbf": AT,
    "exp": AT + LIFETIME_SECONDS,
    "sub": str(TOKEN.user_id),
    "tenant": str(TOKEN.tenant_id),
    "sid": str(TOKEN.session_id),
}


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: Any, claims: Any, key: bytes = KEY, digest: Any = hashlib.sha256) -> str:
    raw = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in (header, claims)]
    content = ".".join(part(value) for value in raw)
    return f"{content}.{part(hmac.digest(key, content.encode(), digest))}"


class TestIssue:
    def test_what_is_issued_is_read_back(self):
        assert verify(issue(TOKEN, KEY, at=AT), KEY, at=AT) == TOKEN

    def test_hand_made_tokens_of_these_tests_are_valid(self):
        assert verify(signed(HEADER, CLAIMS), KEY, at=AT) == TOKEN


class TestHeader:
    @pytest.mark.parametrize(
        "header",
        [
            {"alg": "none", "typ": TYPE},
            {"alg": "None", "typ": TYPE},
            {"alg": "HS512", "typ": TYPE},
            {"alg": "RS256", "typ": TYPE},
            {"alg": "HS256"},
            {"alg": "HS256", "typ": "JWT"},
            {"alg": "HS256", "typ": "refresh+jwt"},
            HEADER | {"kid": "../../dev/null"},
            HEADER | {"kid": "x' UNION SELECT 'key"},
            HEADER | {"jwk": {"kty": "oct", "k": "AAAA"}},
            HEADER | {"jku": "https://evil.example/keys"},
            HEADER | {"x5u": "https://evil.example/cert"},
            HEADER | {"crit": ["exp"]},
            HEADER | {"zip": "DEF"},
            HEADER | {"enc": "A256GCM"},
            HEADER | {"b64": False},
            [],
            b"not json",
            b'{"alg":"none","alg":"HS256","typ":"at+jwt"}',
        ],
    )
    def test_anything_but_our_two_members_is_refused(self, header):
        with pytest.raises(InvalidToken):
            verify(signed(header, CLAIMS), KEY, at=AT)

    @pytest.mark.parametrize("alg", ["none", "NONE", "HS256"])
    def test_a_token_without_a_signature_is_refused(self, alg):
        content = ".".join(part(json.dumps(value).encode()) for value in ({"alg": alg, "typ": TYPE}, CLAIMS))
        with pytest.raises(InvalidToken):
            verify(f"{content}.", KEY, at=AT)

    def test_a_public_key_used_as_a_secret_is_refused(self):
        public = rsa.generate_private_key(65537, 2048).public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, CLAIMS, pem), KEY, at=AT)


class TestSignature:
    def test_another_key_is_refused(self):
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, CLAIMS, KEY + b"!"), KEY, at=AT)

    def test_every_changed_character_is_refused(self):
        encoded = issue(TOKEN, KEY, at=AT)
        for place, character in enumerate(encoded):
            for changed in {"A", "_", "."} - {character}:
                tampered = encoded[:place] + changed + encoded[place + 1 :]
                try:
                    assert verify(tampered, KEY, at=AT) == TOKEN, "another token was accepted"
                except InvalidToken:
                    continue
                # the last character of a part holds bits that no byte uses
                assert place == len(encoded) - 1

    @pytest.mark.parametrize("encoded", ["", ".", "..", "a.b.c", "a.b.c.d.e", "x" * 5000, "é.é.é", "a" * 10])
    def test_what_is_no_token_is_refused(self, encoded):
        with pytest.raises(InvalidToken):
            verify(encoded, KEY, at=AT)


class TestClaims:
    @pytest.mark.parametrize("name", sorted(CLAIMS))
    def test_each_claim_is_needed(self, name):
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, {key: value for key, value in CLAIMS.items() if key != name}), KEY, at=AT)

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": "another"},
            {"aud": "another"},
            {"aud": [AUDIENCE, "another"]},
            {"sub": "not a uuid"},
            {"sub": 7},
            {"tenant": None},
            {"sid": ["x"]},
            {"exp": str(AT + 60)},
            {"exp": AT + 0.5},
            {"exp": True},
            {"iat": None},
            {"nbf": "now"},
        ],
    )
    def test_wrong_values_are_refused(self, change):
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, CLAIMS | change), KEY, at=AT)

    def test_a_name_that_occurs_twice_is_refused(self):
        twice = json.dumps(CLAIMS)[:-1] + f', "tenant": "{UUID(int=1)}"}}'
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, twice.encode()), KEY, at=AT)


class TestTimes:
    @pytest.mark.parametrize("at", [AT, AT + LIFETIME_SECONDS - 1, AT - SKEW_SECONDS])
    def test_within_its_life_and_the_skew_of_clocks_it_is_valid(self, at):
        assert verify(issue(TOKEN, KEY, at=AT), KEY, at=at) == TOKEN

    @pytest.mark.parametrize("at", [AT + LIFETIME_SECONDS, AT + 10**9, AT - SKEW_SECONDS - 1])
    def test_outside_it_is_not(self, at):
        with pytest.raises(InvalidToken):
            verify(issue(TOKEN, KEY, at=AT), KEY, at=at)

    def test_a_token_that_lives_longer_than_ours_is_refused(self):
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, CLAIMS | {"exp": AT + LIFETIME_SECONDS + 1}), KEY, at=AT)
