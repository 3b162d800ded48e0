"""Requests are read strictly: unknown fields, names given twice, depth, size, NUL, Host and duplicate headers."""

from __future__ import annotations

import json

import pytest

from opsintel_api.middleware import GIVEN_ONCE
from opsintel_api.models.problem import Problem
from opsintel_api.strict import MAXIMUM_DEPTH, MAXIMUM_PARAMETERS, MAXIMUM_VALUES
from tests.access.attack import Api
from tests.access.requests import EVERY, JSON, SIGNED, WITH_BODY, bodies_with, fields, queries, request_of, route_of
from tests.isolation.attacks import Operation
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREIGN_FIELDS = ("tenant_id", "role", "id", "created_at", "user_id", "scopes", "is_admin", "__proto__")
BAD_TEXTS = ("a\x00b", "\x00", "a\ud800", "\udc00b", "\udc00\ud800")
ENOUGH = b"[" * MAXIMUM_DEPTH + b"]" * MAXIMUM_DEPTH
UNREADABLE = {
    "deep": b"[" + ENOUGH + b"]",
    "very deep": b"[" * 400_000,
    "deep and never closed": b'{"a":' * 50_000,
    "many values": b"[" + b",".join([b'""'] * (MAXIMUM_VALUES + 1)) + b"]",
    "a name twice": b'{"email": "a@b.example", "email": "c@d.example"}',
    "a name twice, written in two ways": b'{"email": "a@b.example", "\\u0065mail": "c@d.example"}',
    "a name twice within": b'{"a": {"b": 1, "b": 2}}',
    "no number": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "digits": b'{"a": ' + b"9" * 5000 + b"}",
    "no UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": "b"}'.encode("utf-16"),
    "two values": b"{} {}",
    "nothing": b" ",
}


IGNORES = SIGNED | {"GET /v1/auth/sso/callback", "GET /v1/sources/oauth/{app}/callback"}
"""Routes that a provider calls, which may add parameters: RFC 6749 sections 3.1 and 4.1.2."""


def problem_of(response) -> Problem:
    return Problem.model_validate_json(response.content)


def fields_of(response) -> set[str]:
    return {error.field for error in problem_of(response).errors}


class TestFields:
    @pytest.mark.parametrize("operation", WITH_BODY, ids=route_of)
    async def test_check_04_a_field_that_a_body_does_not_have_is_refused(
        self, api: Api, acme: Seeded, operation: Operation
    ):
        sent = request_of(operation, acme)
        for name in FOREIGN_FIELDS:
            if name in fields(operation):
                continue
            response = await api.send(sent.saying({**sent.body, name: "x"}))
            assert response.status_code == 422, (name, response.text)
            assert name in fields_of(response)

    @pytest.mark.parametrize("operation", [one for one in EVERY if one.route not in IGNORES], ids=route_of)
    async def test_check_04_a_parameter_that_a_route_does_not_have_is_refused(
        self, api: Api, acme: Seeded, operation: Operation
    ):
        sent = request_of(operation, acme)
        for name in ("unknown", "tenant_id", "access_token", "Limit"):
            response = await api.send(sent.asking(**{name: "1"}))
            assert response.status_code == 422, (name, response.text)
            assert name in fields_of(response)

    @pytest.mark.parametrize("operation", [one for one in EVERY if queries(one)], ids=route_of)
    async def test_check_04_a_parameter_that_is_given_twice_is_refused(
        self, api: Api, acme: Seeded, operation: Operation
    ):
        for name in queries(operation):
            sent = request_of(operation, acme).asking(**{name: "1"})
            response = await api.client.request(
                sent.method,
                f"{sent.address}&{name}=1",
                headers={"Authorization": f"Bearer {await api.holder(sent.route)}"},
            )
            assert response.status_code == 422
            assert fields_of(response) == {name}

    async def test_a_query_of_many_parameters_is_refused(self, api: Api):
        query = "&".join(f"a{number}=1" for number in range(MAXIMUM_PARAMETERS + 1))
        assert fields_of(await api.owner("GET", f"/v1/issues?{query}")) == {"query"}


class TestBodies:
    @pytest.mark.parametrize("form", UNREADABLE)
    @pytest.mark.parametrize("operation", WITH_BODY, ids=route_of)
    async def test_check_52_what_is_deep_large_or_ambiguous_is_refused_before_it_is_read(
        self, api: Api, acme: Seeded, operation: Operation, form: str
    ):
        response = await api.send(request_of(operation, acme), content=UNREADABLE[form], headers=[JSON])
        assert response.status_code == 422
        assert problem_of(response).errors

    async def test_check_52_what_is_just_within_the_bounds_is_read(self, api: Api):
        for body in (ENOUGH, b"[" + b",".join([b'""'] * (MAXIMUM_VALUES - 2)) + b"]"):
            response = await api.client.post("/v1/auth/login", content=body, headers=[JSON])
            assert problem_of(response).errors[0].field == "body"
            assert "dictionary" in problem_of(response).errors[0].reason

    @pytest.mark.parametrize("operation", WITH_BODY, ids=route_of)
    async def test_check_60_nul_and_halves_of_characters_are_refused_in_every_text(
        self, api: Api, acme: Seeded, operation: Operation
    ):
        sent = request_of(operation, acme)
        for bad in BAD_TEXTS:
            for name, body in bodies_with(operation, acme, bad):
                response = await api.send(sent, content=json.dumps(body), headers=[JSON])
                assert response.status_code == 422, (name, response.text)
                assert {field.split(".")[0] for field in fields_of(response)} == {name}
            response = await api.send(sent, content=json.dumps({bad: 1}), headers=[JSON])
            assert response.status_code == 422

    @pytest.mark.parametrize("operation", EVERY, ids=route_of)
    async def test_check_60_nul_and_bytes_that_are_no_text_are_refused_in_every_parameter(
        self, api: Api, acme: Seeded, operation: Operation
    ):
        sent = request_of(operation, acme)
        for bad in ("%00", "a%00b", "%FF", "%ED%A0%80", "%C0%80", "%"):
            for name in [*queries(operation), "unknown"]:
                headers = {"Authorization": f"Bearer {await api.holder(sent.route)}", "X-Requested-With": "opsintel"}
                query = "&".join([*(f"{n}={v}" for n, v in sent.query.items() if n != name), f"{name}={bad}"])
                response = await api.client.request(
                    sent.method, f"{sent.path}?{query}", headers=headers, json=sent.body
                )
                assert response.status_code == 422 or (bad == "%" and response.status_code < 500), (name, bad)
        for place in [part for part in operation.path.split("/") if part.startswith("{")]:
            for bad in ("%00", "%FF", "%ED%A0%80", "a%00"):
                path = sent.path.replace(sent.path.split("/")[operation.path.split("/").index(place)], bad)
                response = await api.bearer(await api.holder(sent.route), sent.method, path, json=sent.body)
                assert response.status_code == 422

    @pytest.mark.parametrize("name", ["If-None-Match", "X-Request-ID", "Idempotency-Key", "Cookie", "Accept-Encoding"])
    @pytest.mark.parametrize("value", [b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"opsintel_refresh=\x00; \xff"])
    async def test_check_60_headers_may_hold_anything_without_a_fault(self, api: Api, acme: Seeded, name, value):
        for operation in EVERY:
            sent = request_of(operation, acme)
            if operation.reads or operation.route.startswith("POST /v1/auth/refresh"):
                assert (await api.send(sent, headers=[(name.encode(), value)])).status_code < 500


class TestHeaders:
    @pytest.mark.parametrize("name", GIVEN_ONCE)
    async def test_check_67_a_header_that_is_given_twice_is_refused(self, api: Api, acme: Seeded, name):
        for operation in EVERY:
            sent = request_of(operation, acme)
            response = await api.client.request(
                sent.method, sent.path, headers=[(name, "1"), (name.upper(), "1")], content=b""
            )
            assert response.status_code == 400
            assert name in problem_of(response).detail

    async def test_check_67_a_length_beside_chunks_is_refused(self, api: Api):
        headers = [("Content-Length", "2"), ("Transfer-Encoding", "chunked"), JSON]
        assert (await api.client.post("/v1/auth/login", content=b"{}", headers=headers)).status_code == 400

    @pytest.mark.parametrize(
        "host",
        ["", "evil.example", "localhost.evil.example", "localhost@evil.example", "evil.example:80", "localhost:x",
         "127.0.0.1.evil.example", "localhost, evil.example", "10.0.0.9", "[::2]", "local host", "localhost/", "::1",
         "xn--lcalhost-54a", "0.0.0.0", "2130706433"],
    )  # fmt: skip
    async def test_check_67_another_host_is_refused(self, api: Api, host):
        for path in ("/v1/me", "/v1/auth/login", "/healthz", "/", "/overview/"):
            response = await api.owner("GET", path, headers={"Host": host})
            assert response.status_code == 400
            assert "evil" not in response.text

    @pytest.mark.parametrize("host", ["localhost", "LocalHost:8080", "127.0.0.1:80", "[::1]:9"])
    async def test_check_67_this_machine_is_reached_by_its_own_names(self, api: Api, host):
        assert (await api.owner("GET", "/v1/me", headers={"Host": host})).status_code == 200
