"""What guards: sealed values, tokens, cursors, addresses, settings, scopes, log lines, cells."""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
from base64 import b64encode
from urllib.parse import quote
from uuid import UUID

import httpx

from opsintel.access.roles import OPEN, read_matrix
from opsintel.access.tokens import AccessToken, InvalidToken, issue, verify
from opsintel.crypto.envelope import SealContext, key_id_of, open_sealed, seal
from opsintel.errors import AccessError, AddressError, AnswerError, SealError, SettingError, one_line
from opsintel.logs.redact import HIDDEN, Redactor
from opsintel.logs.setup import LineFormatter
from opsintel.net.content import Body
from opsintel.net.hosts import canonical_host
from opsintel.net.policy import MEGABYTE, Policy
from opsintel.net.transport import checked_origin
from opsintel.settings import Settings, load_settings, variable_of
from opsintel_api.cursors import decode_cursor, encode_cursor
from opsintel_api.problems import RequestProblem
from opsintel_pipeline.act.formulas import as_text
from tests.access.forging import HEADER, part, signed
from tests.access.test_formulas import runs
from tests.fuzz.target import declared, target

KEY = bytes(range(32))
CONTEXT = SealContext("fuzz", UUID(int=1), "secret", UUID(int=2), 3)
SEALED = seal(KEY, UUID(int=4), b"the plaintext", CONTEXT)


@target(seeds=[b"", b"\x00\x01", SEALED, SEALED[:-1], b"\x05\x01" + SEALED[40:]], words=[SEALED[:8], SEALED[-16:]])
def envelope(data: bytes) -> None:
    """Nothing opens but what was sealed: bytes as they come, and the sealed value changed at the places they name."""
    changed = bytearray(SEALED)
    for place, flip in zip(data[::2], data[1::2], strict=False):
        changed[place % len(changed)] ^= flip
    for candidate in (data, bytes(changed)):
        with declared(SealError):
            key_id_of(candidate)
        with declared(SealError):
            assert open_sealed(KEY, candidate, CONTEXT) == b"the plaintext"
            assert candidate == SEALED, "something else was opened"


AT = 1_900_000_000
TOKEN = AccessToken(UUID(int=1), UUID(int=2), UUID(int=3))
ISSUED = issue(TOKEN, KEY, at=AT)
CLAIMS = json.loads('{"iss":"opsintel","aud":"opsintel-api","iat":1900000000,"nbf":1900000000,"exp":1900000900,'
                    '"sub":"00000000-0000-0000-0000-000000000001","tenant":"00000000-0000-0000-0000-000000000002",'
                    '"sid":"00000000-0000-0000-0000-000000000003"}')  # fmt: skip


@target(
    seeds=[
        ISSUED.encode(),
        b".".join([b"e30"] * 3),
        json.dumps(CLAIMS).encode(),
        json.dumps(CLAIMS | {"exp": 1e9}).encode(),
        b'{"alg":"none","typ":"at+jwt"}',
        json.dumps([HEADER, CLAIMS]).encode(),
    ],
    words=[
        b'"alg"',
        b'"none"',
        b'"HS256"',
        b'"typ"',
        b'"at+jwt"',
        b'"exp"',
        b'"aud"',
        b'"crit"',
        b".",
        b"eyJ",
        b"1900000900",
    ],
)
def access_token(data: bytes) -> None:
    """No token is taken but the one that was issued; with our signature, none that says more than ours do."""
    text = data.decode("latin-1")
    with declared(InvalidToken):
        verify(text, KEY, at=AT)
        assert text == ISSUED, "another token was taken"
    with declared(InvalidToken):
        verify(signed(data, CLAIMS, KEY), KEY, at=AT)
        assert json.loads(data) == HEADER
    with declared(InvalidToken):
        taken = verify(signed(HEADER, data, KEY), KEY, at=AT)
        claims = json.loads(data)
        assert [str(taken.user_id), str(taken.tenant_id)] == [str(UUID(claims[name])) for name in ("sub", "tenant")]
        assert AT < claims["exp"] <= claims["iat"] + 900
    with declared(InvalidToken):
        verify(f"{part(data)}.{part(data)}.{part(data)}", KEY, at=AT)
        raise AssertionError("a token without a signature was taken")


CURSOR = encode_cursor(["2024-01-01T00:00:00+00:00", str(UUID(int=9))], "a question", KEY)


@target(
    seeds=[CURSOR.encode(), b"", b"AAAA", b'["a", 1, null]', b"\xff" * 20],
    words=[CURSOR[:20].encode(), b"=", b"-", b"_"],
)
def cursor(data: bytes) -> None:
    """A cursor that we made for a question is its keys again; anything else is refused."""
    for text in (data.decode("latin-1"), data.decode("utf-8", "surrogateescape")):
        try:
            keys = decode_cursor(text, "a question", KEY)
        except RequestProblem as problem:
            assert problem.status_code == 422
        else:
            assert encode_cursor(keys, "a question", KEY).rstrip("=") == text.rstrip("=")
    keys = [data.hex(), data.decode("utf-8", "replace"), len(data), None]
    assert decode_cursor(encode_cursor(keys, "another", KEY), "another", KEY) == keys


VARIABLES = sorted(variable_of(name) for name in Settings.model_fields)
SECRET_VARIABLES = frozenset(
    variable_of(name) for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)
)


@target(
    seeds=[
        b"\x00:8080",
        *(
            bytes([number]) + text
            for number, text in enumerate(
                [
                    b"127.0.0.1:80",
                    b"postgresql://u:p@h/d",
                    b"amqp://u:p@h:5672/",
                    b"https://x.example",
                    b"true",
                    b"7",
                    b"a,b:1",
                ]
                * 7
            )
        ),
    ],
    words=[b"://", b"postgresql://", b"[::1]", b":5432", b"%", b"@", b"\x00", b"true", b"INFO", b"openssl"],
)
def settings(data: bytes) -> None:
    """A value of any variable is taken, or refused by one line that names the variable and tells no secret."""
    if not data:
        return
    variable, value = VARIABLES[data[0] % len(VARIABLES)], data[1:].decode("utf-8", "replace")
    try:
        taken = load_settings({variable: value})
    except SettingError as error:
        assert error.line().isprintable()
        assert variable in error.line()
        if variable in SECRET_VARIABLES and len(value) > 8:
            assert value not in error.line().replace("openssl rand -base64", "")
    else:
        shown = repr(taken) + taken.model_dump_json()
        if variable in SECRET_VARIABLES and len(value.strip()) > 8 and value.isascii():
            assert value.strip() not in shown


@target(
    seeds=[
        host.encode()
        for host in (
            "http://example.com/a",
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://[::ffff:7f00:1]/",
            "http://①②⑦.0.0.1/",
            "http://a@b/",
            "http://2130706433/",
            "http://xn--bcher-kva.example/",
            "http://bücher.example:8080/",
            "http://017700000001",
            "http://a。b/",
        )
    ],
    words=[
        b"http://",
        b"https://",
        b"[",
        b"]",
        b"::ffff:",
        b"0x",
        b"0177",
        b".",
        b"%25",
        b"@",
        b"xn--",
        "。".encode(),
        "①".encode(),
    ],
)
def address(data: bytes) -> None:
    """A host has one spelling or is refused; what the system would read as a number is that very number."""
    text = data.decode("utf-8", "replace")
    with declared(AddressError):
        host = canonical_host(text)
        assert canonical_host(host) == host
        assert host.isascii()
        assert host == host.lower()
        try:
            number = socket.inet_ntoa(socket.inet_aton(host)) if ":" not in host else str(ipaddress.ip_address(host))
        except (OSError, ValueError):
            number = host
        assert number == host, "the system reads another address"
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        return
    with declared(AddressError):
        origin = checked_origin(url, Policy(schemes=frozenset({"http", "https"})))
        assert origin.scheme in (b"http", b"https")
        assert canonical_host(origin.host.decode()) == origin.host.decode()


PASSWORD = "s3cret/Value+7731"
REDACT = Redactor([PASSWORD])
FORMS = [PASSWORD, quote(PASSWORD, safe=""), json.dumps(PASSWORD)[1:-1], PASSWORD.encode().hex()]


@target(
    seeds=[
        b"before|after",
        b"postgresql://u:|@host/db",
        b"Authorization: Bearer |",
        b'{"password": "|"}',
        b"a=|&b=|",
        b"|||",
    ],
    words=[b"password=", b"Bearer ", b"://", b"@", b"eyJ", b"sk-", b"Authorization: ", b"Cookie: ", b"'", b'"', b"|"],
)
def redaction(data: bytes) -> None:
    """No text shows a known secret, in whatever it is wrapped; a line is one line."""
    around = data.decode("utf-8", "replace").replace(PASSWORD, "")
    for form in FORMS:
        text = around.replace("|", form)
        shown = REDACT(text)
        assert form not in shown or form in around
        assert len(shown) <= (len(HIDDEN) + 10) * len(text) + 10
    carrier = b64encode(b"xy" + PASSWORD.encode() + data[:9]).decode()
    assert carrier not in REDACT(carrier)
    line = LineFormatter("fuzz", REDACT, as_json=False).format(
        logging.LogRecord("fuzz", logging.INFO, "", 0, "%s", (around.replace("|", PASSWORD),), None)
    )
    assert "\n" not in line
    assert PASSWORD not in line
    assert one_line(line) == " ".join(line.split())


SCOPES = b"""
[scopes]
a = "reads"
b = "writes"
c = "operates"
[roles.owner]
scopes = ["a", "b"]
grantable = ["b"]
[routes]
"GET /x" = "a"
"GET /y" = "open"
[service_keys]
scopes = ["a"]
[limited]
scopes = []
[operators]
scopes = ["c"]
"""


@target(
    seeds=[
        SCOPES,
        b"",
        SCOPES.replace(b'["c"]', b'["a"]'),
        SCOPES.replace(b'"b"', b'"z"'),
        SCOPES.replace(b'["a"]', b'"abc"'),
    ],
    words=[
        b"[roles.x]",
        b"scopes = [",
        b"grantable",
        b"[operators]",
        b"[routes]",
        b"open",
        b"session",
        b"= 1\n",
        b"[[",
        b'"""',
    ],
)
def scopes(data: bytes) -> None:
    """A file of scopes gives nobody what it does not declare, and operators nothing of tenants; else it is refused."""
    with declared(AccessError):
        found = read_matrix(data.decode("utf-8", "replace"))
        of_tenants = found.of_service_keys | found.of_limited
        for role in found.scopes:
            assert found.of_member(role, limited=True) <= found.of_limited
            of_tenants |= found.of_member(role, found.grantable[role])
        assert not of_tenants & found.of_operators
        assert not found.allows("nobody of this name", OPEN)


@target(
    seeds=[b"=1+1", b"a\n=b", b"a;\t-1", "＝x".encode(), b"'=x", b'"@x', b"plain, text - here", b"\r\n+\x00="],
    words=[
        b"=",
        b"+",
        b"-",
        b"@",
        b"\t",
        b"\r",
        b"\n",
        b";",
        b'"',
        "＝".encode(),
        "\u200b".encode(),
        "\u3000".encode(),
    ],
)
def formula(data: bytes) -> None:
    """No cell and no part of one begins a formula; nothing but apostrophes is added, and once is enough."""
    text = data.decode("utf-8", "replace")
    guarded = str(as_text(text))
    assert not runs(guarded)
    rest = iter(guarded)
    assert all(character in rest for character in text)
    assert len(guarded) - guarded.count("'") == len(text) - text.count("'")
    assert as_text(guarded) == guarded


@target(
    seeds=[b"", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", b"\x00gzip", b"hello"],
    words=[b"\x1f\x8b\x08", b"\x4b\x04\x00"],
)
def packed_answer(data: bytes) -> None:
    """The body of an answer grows within its limits, in whatever pieces it comes."""
    policy = Policy(max_body_bytes=2 * MEGABYTE, max_ratio=50)
    size = max(1, data[0] if data else 1)
    for coding in ("gzip", "", data[:9].decode("latin-1")):
        with declared(AnswerError):
            body, grown = Body(policy, coding), 0
            for start in range(0, len(data), size):
                grown += sum(len(piece) for piece in body.feed(data[start : start + size]))
            body.finish()
            assert grown <= policy.max_body_bytes
