"""Access tokens against the attacks of RFC 8725."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from opsintel.access.json_parts import json_object, part_bytes
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
from tests.access import forging
from tests.access.forging import part

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


def signed(header: Any, claims: Any, key: bytes = KEY, digest: Any = hashlib.sha256) -> str:
    return forging.signed(header, claims, key, digest)


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
                with pytest.raises(InvalidToken):
                    verify(encoded[:place] + changed + encoded[place + 1 :], KEY, at=AT)

    @pytest.mark.parametrize("foreign", ["!", " ", "=", "é", "\u0661", "+", "/", "\0", "\n"])
    def test_what_is_no_base64url_is_not_passed_over(self, foreign):
        encoded = issue(TOKEN, KEY, at=AT)
        for place in (0, encoded.index("."), encoded.rindex(".") + 1, len(encoded) - 1, len(encoded)):
            with pytest.raises(InvalidToken):
                verify(encoded[:place] + foreign + encoded[place:], KEY, at=AT)

    def test_bits_of_the_last_character_that_no_byte_uses_are_none(self):
        encoded = issue(TOKEN, KEY, at=AT)
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        taken = []
        for last in alphabet:
            try:
                taken.append(verify(encoded[:-1] + last, KEY, at=AT))
            except InvalidToken:
                continue
        assert taken == [TOKEN]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
    def test_json_that_is_not_utf_8_is_refused(self, encoding):
        for header, claims in (
            (HEADER, json.dumps(CLAIMS).encode(encoding)),
            (json.dumps(HEADER).encode(encoding), CLAIMS),
        ):
            with pytest.raises(InvalidToken):
                verify(signed(header, claims), KEY, at=AT)

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
            {"nbf": AT + SKEW_SECONDS + 1},
            {"iat": AT + SKEW_SECONDS + 1, "exp": AT + SKEW_SECONDS + 60},
            {"iat": AT + 60, "exp": AT + 60},
            {"tenant": 12345678123456781234567812345678},  # whose digits are those of an id
        ],
    )
    def test_wrong_values_are_refused(self, change):
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, CLAIMS | change), KEY, at=AT)

    def test_a_token_of_more_than_4_kb_is_refused_however_well_it_is_signed(self):
        assert verify(signed(HEADER, CLAIMS | {"note": "x" * 2_000}), KEY, at=AT) == TOKEN
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, CLAIMS | {"note": "x" * 3_000}), KEY, at=AT)

    def test_a_name_that_occurs_twice_is_refused(self):
        twice = json.dumps(CLAIMS)[:-1] + f', "tenant": "{UUID(int=1)}"}}'
        with pytest.raises(InvalidToken):
            verify(signed(HEADER, twice.encode()), KEY, at=AT)


class TestParts:
    """Of tokens: what of them no library reads for us is read as strictly."""

    @pytest.mark.parametrize("written", ["QR", "QQ==", "QQ=", "Q", "Q+8", "Q/8", "QQ\n", "Q Q"], ids=ascii)
    def test_are_bytes_in_one_spelling(self, written):
        assert part_bytes("QQ") == b"A"
        with pytest.raises(ValueError, match="."):
            part_bytes(written)

    @pytest.mark.parametrize(
        "content", [b"[]", b"1", b"null", b'"x"', b"", b"\xff", b'{"a":' * 100_000], ids=lambda v: ascii(v)[:9]
    )
    def test_are_objects(self, content):
        with pytest.raises(ValueError, match="."):
            json_object(content)


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
