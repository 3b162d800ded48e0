"""Checks 10 to 14 and 18 to 21 through the API: access tokens whose header or form wants to mean something else.

Every forged token differs from one that is taken in the one thing that its test is about.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import subprocess
import sys
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opsintel.access.tokens import TYPE
from opsintel.errors import SettingError
from opsintel.settings import load_settings
from tests.access.forging import HEADER, Forge, encoded, part, refused, signed
from tests.access.network import scripted_server
from tests.access.people import log_in, refresh_token
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANOTHER_KIND, UNREADABLE, INVALID = (
    "The access token is of another kind",
    "The access token cannot be read",
    "The access token is not valid",
)
NONE = ["".join(letters) for letters in itertools.product("nN", "oO", "nN", "eE")]
ODD_ALGORITHMS: list[Any] = [
    "", " none", "none ", "none\0", "none;HS256", "HS256,none", "ｎｏｎｅ", "nоne", None, False, 0, [], ["HS256"], {},
    "hs256", "HS256 ", "HS-256", "HMAC", "HS1", "A256GCM", "dir",
]  # fmt: skip


def unsigned(header: Any, claims: Any) -> str:
    return f"{part(encoded(header))}.{part(encoded(claims))}"


@pytest.fixture(scope="module")
def pair() -> rsa.RSAPrivateKey:
    """An attacker's key; its public half might as well be ours, published."""
    return rsa.generate_private_key(65537, 2048)


def public_pem(pair: Any) -> bytes:
    return pair.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


async def test_a_forged_token_without_a_fault_is_taken(forge: Forge):
    assert await forge.taken(forge.token())


class TestAlgorithm:
    @pytest.mark.parametrize("name", [*NONE, *ODD_ALGORITHMS], ids=ascii)
    async def test_check_10_no_spelling_of_none_is_taken(self, forge: Forge, name: Any):
        header = HEADER | {"alg": name}
        for token in (unsigned(header, forge.claims) + ".", forge.token(header), unsigned(header, forge.claims)):
            assert not await forge.taken(token)
        assert refused(await forge.shown(forge.token(header))) == ANOTHER_KIND

    async def test_check_10_the_name_of_a_signature_is_none_by_itself(self, forge: Forge):
        content = unsigned(HEADER, forge.claims)
        for token in (content + ".", content, content + ".AA", unsigned({"typ": TYPE}, forge.claims) + "."):
            assert not await forge.taken(token)
        assert await forge.taken(f"{content}.{part(hmac.digest(forge.key, content.encode(), hashlib.sha256))}")

    @pytest.mark.parametrize("name", ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"])
    async def test_check_11_a_public_key_is_no_secret(self, forge: Forge, pair: rsa.RSAPrivateKey, name: str):
        der = pair.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        for key in (public_pem(pair), public_pem(pair).rstrip(), der):
            assert not await forge.taken(forge.token(HEADER | {"alg": name}, key=key))

    async def test_check_11_signatures_by_a_private_key_are_not_taken(self, forge: Forge, pair: rsa.RSAPrivateKey):
        curve, edwards = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        for name, sign in (
            ("RS256", lambda content: pair.sign(content, padding.PKCS1v15(), hashes.SHA256())),
            ("PS256", lambda content: pair.sign(content, pss, hashes.SHA256())),
            ("ES256", lambda content: curve.sign(content, ec.ECDSA(hashes.SHA256()))),
            ("EdDSA", edwards.sign),
        ):
            content = unsigned(HEADER | {"alg": name}, forge.claims)
            assert refused(await forge.shown(f"{content}.{part(sign(content.encode()))}")) == ANOTHER_KIND

    @pytest.mark.parametrize(("name", "digest"), [("HS384", hashlib.sha384), ("HS512", hashlib.sha512)])
    async def test_check_11_the_algorithm_is_ours_to_choose(self, forge: Forge, name: str, digest: Any):
        assert refused(await forge.shown(forge.token(HEADER | {"alg": name}, digest=digest))) == ANOTHER_KIND
        assert refused(await forge.shown(forge.token(HEADER, digest=digest))) == INVALID

    @pytest.mark.parametrize("wrong", [b"", b"\0", b"secret", b"opsintel"])
    async def test_check_11_another_key_signs_nothing(self, forge: Forge, wrong: bytes):
        for key in (wrong, forge.key + wrong or forge.key[:-1], forge.key[:-1], hashlib.sha256(forge.key).digest()):
            if key != forge.key:
                assert refused(await forge.shown(forge.token(key=key))) == INVALID


class TestKeysWithin:
    async def test_check_12_keys_in_a_token_are_not_asked(self, forge: Forge, pair: rsa.RSAPrivateKey):
        numbers, secret = pair.public_key().public_numbers(), b"the attacker's own key of 32 bytes"
        rsa_key = {"kty": "RSA", "n": part(numbers.n.to_bytes(256)), "e": "AQAB"}
        for brought in (
            {"jwk": {"kty": "oct", "k": part(secret)}},
            {"jwk": rsa_key},
            {"jwk": None},
            {"x5c": [b64encode(secret).decode()]},
            {"x5t": part(hashlib.sha1(secret).digest())},
            {"x5t#S256": part(hashlib.sha256(secret).digest())},
        ):
            for key in (forge.key, secret, public_pem(pair)):
                assert refused(await forge.shown(forge.token(HEADER | brought, key=key))) == ANOTHER_KIND
        content = unsigned(HEADER | {"alg": "RS256", "jwk": rsa_key}, forge.claims)
        signature = pair.sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
        assert refused(await forge.shown(f"{content}.{part(signature)}")) == ANOTHER_KIND

    @pytest.mark.parametrize("name", ["jku", "x5u", "url", "iss", "kid"])
    async def test_check_12_addresses_in_a_token_are_not_visited(self, forge: Forge, name: str):
        with scripted_server(lambda exchange: exchange.answer(b"{}")) as (port, received):
            address = f"http://127.0.0.1:{port}/keys.json"
            for value in (address, [address], {"href": address}):
                assert refused(await forge.shown(forge.token(HEADER | {name: value}))) == ANOTHER_KIND
            assert not await forge.taken(forge.token(claims=forge.claims | {"iss": address}))
        assert received == []

    @pytest.mark.parametrize(
        ("kid", "content"),
        [
            ("/dev/null", b""),
            ("../../../../../../dev/null", b""),
            ("..\\..\\dev\\null", b""),
            ("file:///dev/null", b""),
            ("/proc/sys/kernel/ostype", b"Linux\n"),
            ("/etc/hostname\0.pem", Path("/etc/hostname").read_bytes() if Path("/etc/hostname").exists() else b""),
            ("x' UNION SELECT 'attacker'--", b"attacker"),
            ("' OR 1=1--", b""),
            ('"; SELECT pg_sleep(9); --', b""),
            ("http://127.0.0.1:1/key", b""),
            ("http://169.254.169.254/latest/meta-data/", b""),
            ("| cat /etc/passwd", b""),
            ("$(id)", b""),
            ("${jndi:ldap://127.0.0.1/a}", b""),
            ("\0", b""),
            ("\ud800", b""),
            ("", b""),
            ("x" * 1500, b""),
            (0, b""),
            (-1, b""),
            (1e308, b""),
            (None, b"None"),
            (True, b""),
            ([], b""),
            ({"$ne": None}, b""),
        ],
        ids=lambda value: ascii(value)[:40],
    )
    async def test_check_13_a_key_id_points_to_nothing(self, forge: Forge, kid: Any, content: bytes):
        for key in (forge.key, content):
            assert refused(await forge.shown(forge.token(HEADER | {"kid": kid}, key=key))) == ANOTHER_KIND


class TestType:
    @pytest.mark.parametrize(
        "kind",
        ["JWT", "jwt", "refresh+jwt", "id_token", "it+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "at+jwt ",
         "at+jwt\0", "at jwt", "AT+JWT;x", "", None, 0, True, ["at+jwt"], {"at+jwt": 1}],
        ids=ascii,
    )  # fmt: skip
    async def test_check_14_a_token_of_another_type_is_not_taken(self, forge: Forge, kind: Any):
        assert refused(await forge.shown(forge.token(HEADER | {"typ": kind}))) == ANOTHER_KIND

    async def test_check_14_a_token_has_a_type_and_holds_no_other_token(self, forge: Forge):
        for header in ({"alg": "HS256"}, HEADER | {"cty": "JWT"}, HEADER | {"cty": TYPE}, HEADER | {"Typ": TYPE}):
            assert refused(await forge.shown(forge.token(header))) == ANOTHER_KIND

    async def test_check_14_what_else_the_product_gives_out_opens_nothing(self, forge: Forge, acme: Seeded):
        session = await log_in(forge.api.client, acme.email("admin"))
        page = await forge.api.owner("GET", "/v1/messages", params={"limit": 1})
        for value in (refresh_token(session), page.json()["next_cursor"], page.headers["etag"], str(acme.service_key)):
            assert not await forge.taken(value)


class TestDuplicates:
    @pytest.mark.parametrize("first", [True, False], ids=["ours first", "ours last"])
    @pytest.mark.parametrize(
        ("name", "value"),
        [("alg", '"none"'), ("alg", '"RS256"'), ("typ", '"JWT"'), ("\\u0061lg", '"none"'), ("alg", '"HS256"')],
    )
    async def test_check_18_a_name_twice_in_the_header_is_not_taken(self, forge: Forge, name, value, first):
        ours, added = '"alg":"HS256","typ":"at+jwt"', f'"{name}":{value}'
        members = f"{ours},{added}" if first else f"{added},{ours}"
        assert refused(await forge.shown(forge.token(f"{{{members}}}".encode()))) == UNREADABLE
        assert await forge.taken(forge.token(f"{{{ours}}}".encode()))

    @pytest.mark.parametrize("first", [True, False], ids=["ours first", "ours last"])
    @pytest.mark.parametrize("name", ["iss", "aud", "exp", "nbf", "iat", "sub", "tenant", "sid", "t\\u0065nant", "x"])
    async def test_check_18_a_name_twice_in_the_claims_is_not_taken(self, forge: Forge, other: Seeded, name, first):
        claims = forge.claims | {"x": 1}
        plain = name.encode().decode("unicode_escape")
        another = {"tenant": str(other.tenant_id), "sub": str(other.users["owner"])}.get(plain, claims[plain])
        ours, added = json.dumps(claims)[1:-1], f'"{name}": {json.dumps(another)}'
        members = f"{ours}, {added}" if first else f"{added}, {ours}"
        assert refused(await forge.shown(forge.token(claims=f"{{{members}}}".encode()))) == UNREADABLE
        assert await forge.taken(forge.token(claims=f"{{{ours}}}".encode()))

    async def test_check_18_names_twice_within_a_claim_are_not_taken(self, forge: Forge):
        for nested in (b'"x": {"a": 1, "a": 2}', b'"x": [[{"a": 1, "a": 1}]]'):
            claims = b"{" + json.dumps(forge.claims)[1:-1].encode() + b", " + nested + b"}"
            assert refused(await forge.shown(forge.token(claims=claims))) == UNREADABLE


WEAK = {
    "short": ["x", "tiny-value", "k9#Lw2!pQ7zR4$tV8mN1^bX6&cY3*d", "ä" * 15],
    "of few characters": ["a" * 32, "ab" * 40, "0" * 64, "=" * 48, "00000000-0000-0000-0000-000000000000"],
    "repeated": ["0123456789" * 4, "Kx9#mQ2z" * 4, "0123456789abcdef" * 2, "Tr0ub4dor&3" * 3, "abc123XYZ!" * 3 + "abc"],
    "counted": ["abcdefghijklmnopqrstuvwxyz012345", "zyxwvutsrqponmlkjihgfedcba98765432"],
    "of known words": [
        "my-super-secret-jwt-signing-key-for-opsintel",
        "your-256-bit-secret-your-256-bit-secret",
        "please-change-this-secret-before-production",
        "change_me_to_a_random_32_character_string",
        "ThisIsMyVerySecureSecretKeyForJWT2024!",
        "correct horse battery staple correct",
        "a-string-secret-at-least-256-bits-long",
        "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG",
        "qwertyuiopasdfghjklzxcvbnm1234567890",
        "development-secret-key-do-not-use-in-production",
    ],
    "of the sample": ["the output of: openssl rand -base64 48", "openssl rand -base64 48 openssl rand"],
    "a key or a file": [
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGr3kx9 somebody@host",
        '{"kty":"oct","k":"GawgguFyGrWKav7AX4VKUg9x2LqP"}',
    ],
}  # fmt: skip


class TestSecret:
    @pytest.mark.parametrize("value", [value for kind in WEAK.values() for value in kind])
    async def test_check_19_a_weak_secret_is_one_line_that_does_not_tell_it(self, value: str):
        with pytest.raises(SettingError) as caught:
            load_settings({"JWT_SECRET": value})
        line = caught.value.line()
        assert line.startswith("JWT_SECRET ")
        assert "openssl rand -base64 48" in line
        assert "\n" not in line
        assert line.count(value) == ("openssl" in value and value in "openssl rand -base64 48")

    @pytest.mark.parametrize("size", [16, 24, 32, 48, 64])
    async def test_check_19_random_secrets_are_taken_however_they_are_written(self, size: int):
        for seed in range(100):
            random = hashlib.shake_256(f"{size} {seed}".encode()).digest(size)
            for value in (random.hex(), b64encode(random).decode(), part(random)):
                if len(value) >= 32:
                    assert load_settings({"JWT_SECRET": value}).jwt_key() == value.encode()

    async def test_check_19_a_secret_signs_or_wraps_and_not_both(self):
        key = b64encode(hashlib.sha256(b"one for all").digest()).decode()
        spare = b64encode(hashlib.sha256(b"another").digest()).decode()
        for masters in (
            {"MASTER_ENCRYPTION_KEY": key},
            {"MASTER_ENCRYPTION_KEY": spare, "OPSINTEL_PREVIOUS_MASTER_KEYS": f"{spare}, {key}"},
        ):
            with pytest.raises(SettingError, match="JWT_SECRET is a master key as well"):
                load_settings({"JWT_SECRET": key, **masters}).require_secrets()

    async def test_check_19_the_api_does_not_start(self, tmp_path: Path):
        done = subprocess.run(
            [sys.executable, "-m", "opsintel_api"],
            env={"OPSINTEL_DATA_DIR": str(tmp_path), "JWT_SECRET": "0123456789" * 4},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "opsintel: JWT_SECRET repeats itself, make one with: openssl rand -base64 48\n"
        assert list(tmp_path.iterdir()) == []


class TestUnknownHeaders:
    @pytest.mark.parametrize(
        "critical", [["exp"], ["b64"], ["alg"], ["https://example.com/x"], [], "exp", {}, None, 0, [None], ["crit"]],
        ids=ascii,
    )  # fmt: skip
    async def test_check_20_critical_headers_are_not_taken(self, forge: Forge, critical: Any):
        for more in ({}, {"b64": True}, {"https://example.com/x": 1}):
            token = forge.token(HEADER | {"crit": critical} | more)
            assert refused(await forge.shown(token)) == ANOTHER_KIND

    async def test_check_20_an_unencoded_payload_is_not_taken(self, forge: Forge):
        header, claims = HEADER | {"b64": False, "crit": ["b64"]}, json.dumps(forge.claims)
        content = f"{part(encoded(header))}.{claims}"
        signature = part(hmac.digest(forge.key, content.encode(), hashlib.sha256))
        for token in (f"{content}.{signature}", f"{part(encoded(header))}..{signature}", forge.token(header)):
            assert not await forge.taken(token)

    @pytest.mark.parametrize("name", ["DEF", "def", "GZIP", "", None, ["DEF"]], ids=ascii)
    async def test_check_21_compressed_tokens_are_not_taken(self, forge: Forge, name: Any):
        packed = zlib.compress(json.dumps(forge.claims).encode(), wbits=-15)
        for claims in (packed, None):
            assert refused(await forge.shown(forge.token(HEADER | {"zip": name}, claims))) == ANOTHER_KIND
        assert refused(await forge.shown(forge.token(claims=packed))) == UNREADABLE

    async def test_check_21_encrypted_tokens_are_not_opened(self, forge: Forge):
        key, nonce = hashlib.sha256(forge.key).digest(), bytes(12)
        for more in ({}, {"zip": "DEF"}, {"p2c": 2**31 - 1, "p2s": "AAAA"}, {"epk": {"kty": "EC", "crv": "P-256"}}):
            for algorithm in ("dir", "A256KW", "RSA-OAEP", "PBES2-HS512+A256KW", "ECDH-ES", "HS256"):
                header = part(encoded(HEADER | {"alg": algorithm, "enc": "A256GCM"} | more))
                sealed = AESGCM(key).encrypt(nonce, encoded(forge.claims), header.encode())
                token = f"{header}.{part(key)}.{part(nonce)}.{part(sealed[:-16])}.{part(sealed[-16:])}"
                assert refused(await forge.shown(token)) == UNREADABLE
        for more in ({"enc": "A256GCM"}, {"enc": None}, {"alg": "dir", "enc": "A128CBC-HS256"}):
            assert refused(await forge.shown(forge.token(HEADER | more))) == ANOTHER_KIND

    async def test_check_21_tokens_as_json_are_not_taken(self, forge: Forge):
        header, claims, signature = forge.token().split(".")
        flat = {"protected": header, "payload": claims, "signature": signature}
        general = {"payload": claims, "signatures": [{"protected": header, "signature": signature}]}
        for token in (json.dumps(flat), json.dumps(general), part(encoded(flat))):
            assert refused(await forge.shown(token)) == UNREADABLE


class TestBytes:
    @pytest.mark.parametrize("byte", [0x01, 0x09, 0x1F, 0x2B, 0x2F, 0x3D, 0x7F, 0x85, 0xA0, 0xC3, 0xFE, 0xFF], ids=hex)
    async def test_bytes_that_no_token_has_are_refused_wherever_they_stand(self, forge: Forge, byte: int):
        token = forge.token().encode()
        for place in (0, token.index(b"."), token.rindex(b".") + 1, len(token) - 1):
            assert refused(await forge.shown(token[:place] + bytes([byte]) + token[place:])) == UNREADABLE
            assert refused(await forge.shown(token[:place] + bytes([byte]) + token[place + 1 :])) == UNREADABLE

    @pytest.mark.parametrize(
        "raw",
        ["é.é.é".encode(), "\U0001f511".encode(), b"\xff\xfe.\x00.\xff", b"\xed\xa0\x80", b"a.b.c", b"...", b"." * 4000,
         b"x" * 5000, b"e30.e30.e30", b"bnVsbA.bnVsbA.bnVsbA", b"W10.W10.W10", b"MQ.MQ.MQ",
         f"{part(b'[' * 1500)}.{part(b'[' * 1000)}.AA".encode(), f"{part(b'1' * 2900)}.e30.AA".encode()],
        ids=lambda raw: repr(raw)[:30],
    )  # fmt: skip
    async def test_what_is_no_token_is_refused(self, forge: Forge, raw: bytes):
        refused(await forge.shown(raw))

    @pytest.mark.parametrize(
        "written",
        [b'"\xff"', b'"\xed\xa0\x80"', b"NaN", b"[" * 900, b"1" * 4999 + b"e1", b'"\x01"'],
        ids=lambda raw: repr(raw)[:20],
    )
    async def test_json_that_is_none_is_refused(self, forge: Forge, written: bytes):
        ours = json.dumps(forge.claims)[1:-1].encode()
        for token in (
            forge.token(b'{"alg":"HS256","typ":' + written + b"}"),
            forge.token(claims=b"{" + ours + b', "sub": ' + written + b"}"),
            signed(HEADER, b"{" + ours.replace(b'"iat"', b'"was"') + b', "iat": ' + written + b"}", forge.key),
        ):
            assert not await forge.taken(token)

    @pytest.mark.parametrize("prefix", ["ops_", "opo_", "opl_"])
    async def test_keys_and_operators_tokens_with_odd_bytes_are_refused(self, forge: Forge, prefix: str):
        for rest in ("é" * 49, "\u0661" * 49, "\ud800" * 49, "0" * 49):
            refused(await forge.shown(f"{prefix}{rest}"))
