"""Another tenant's things, on every route that names one: they look like what is not there."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from opsintel.access.roles import ROLES, matrix
from tests.access.attack import Api
from tests.access.conftest import CANARY
from tests.access.requests import OF_TENANTS, Sent, fields, queries, request_of, route_of
from tests.api.examples import example, ids_of
from tests.isolation.attacks import Operation
from tests.isolation.shapes import PARAMETERS
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

ABSENT = "01993c5e-7c00-7000-8000-00000000dead"
UUID_PARAMETER = re.compile(r"\{(\w+)\}")
WITH_IDS = [operation for operation in OF_TENANTS if "{" in operation.path]
PAGED = [operation for operation in OF_TENANTS if "cursor" in queries(operation)]
NAMING = [
    (operation, place.where, place.name)
    for operation in OF_TENANTS
    for place in operation.places
    if place.where != "path"
]


def told(response: httpx.Response, *sent: str) -> tuple[int, dict[str, str], str]:
    """Return what an answer tells: without its own id, and the ids of the request that it repeats."""
    headers = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "date")}
    text = re.sub(r'"request_id":"[^"]*"', "", response.text)
    for value in sent:
        text = text.replace(value, "")
    return response.status_code, headers, text


def naming(sent: Sent, where: str, name: str, value: str) -> Sent:
    """Return a request with a value in a place of its query or body."""
    if where == "query":
        return sent.asking(**{name: value})
    return sent.saying({**(sent.body or {}), name: value})


def in_form(operation: Operation, name: str, *values: str) -> Any:
    """Return values as a field of a body takes them: as a list, or the last of them."""
    return list(values) if "'items'" in str(fields(operation).get(name)) else values[-1]


class TestIds:
    @pytest.mark.parametrize("operation", WITH_IDS, ids=route_of)
    async def test_check_01_anothers_id_is_an_absent_one(
        self, api: Api, acme: Seeded, other: Seeded, operation: Operation
    ):
        for role in ROLES:
            if not matrix().allows(role, matrix().routes[operation.route]):
                continue
            token = await api.token(role)
            for name in UUID_PARAMETER.findall(operation.path):
                own = ids_of(acme)
                theirs, absent = ids_of(other)[name], ABSENT
                sent = request_of(operation, acme)
                answers = [
                    told(
                        await api.send(
                            Sent(sent.route, operation.path.format(**own | {name: value}), sent.query, sent.body), token
                        ),
                        value,
                    )
                    for value in (theirs, absent)
                ]
                assert answers[0] == answers[1]
                assert answers[0][0] == 404
                assert CANARY not in str(answers)

    @pytest.mark.parametrize("operation", [one for one in WITH_IDS if one.reads], ids=route_of)
    async def test_check_01_ones_own_id_is_there(self, api: Api, acme: Seeded, operation: Operation):
        assert (await api.send(request_of(operation, acme))).status_code in example(operation.route, acme).statuses

    @pytest.mark.parametrize("operation", WITH_IDS, ids=route_of)
    async def test_check_01_what_is_no_id_is_refused(self, api: Api, acme: Seeded, operation: Operation):
        sent = request_of(operation, acme)
        for value in ("1", "' OR 1=1 --", ABSENT + "0", "null", "../" + ABSENT, "*"):
            for name in UUID_PARAMETER.findall(operation.path):
                path = operation.path.format(**ids_of(acme) | {name: value.replace("/", "%2F")})
                assert (await api.send(Sent(sent.route, path, sent.query, sent.body))).status_code in (404, 422)


class TestPlaces:
    @pytest.mark.parametrize(
        ("operation", "where", "name"), NAMING, ids=lambda value: getattr(value, "route", str(value))
    )
    async def test_check_02_anothers_in_queries_and_bodies_is_an_absent_one(
        self, api: Api, acme: Seeded, other: Seeded, operation: Operation, where: str, name: str
    ):
        sent = request_of(operation, acme)
        theirs = (
            str(other.sources["mbox"])
            if "source" in name
            else ids_of(other).get(name, other.slug if name in PARAMETERS else str(other.job))
        )
        absent = ABSENT if len(theirs) == len(ABSENT) else "nobody"
        mine = str(acme.sources["mbox"])
        for group in ((), (mine,)):  # alone, and in a bulk beside what is one's own
            answers = []
            for value in (theirs, absent):
                written = in_form(operation, name, *group, value) if where == "body" else value
                answers.append(told(await api.send(naming(sent, where, name, written)), value, ABSENT, theirs))
            assert answers[0][0] == answers[1][0]
            assert answers[0][2] == answers[1][2] or answers[0][0] < 300
            assert CANARY not in str(answers)
            assert other.slug not in json.dumps([answer[2] for answer in answers])

    @pytest.mark.parametrize("operation", PAGED, ids=route_of)
    async def test_check_02_anothers_cursor_is_refused(
        self, api: Api, acme: Seeded, other: Seeded, operation: Operation
    ):
        theirs = request_of(operation, other).asking(limit="1")
        first = await api.send(theirs, await api.token("owner", other))
        cursor = first.json()["next_cursor"] or "AAAA"
        for sent in (request_of(operation, acme), theirs):
            response = await api.send(sent.asking(limit="1", cursor=cursor))
            assert response.status_code in (404, 422)
            assert CANARY not in response.text

    @pytest.mark.parametrize("operation", PAGED, ids=route_of)
    async def test_check_02_a_cursor_is_of_its_own_query_and_nobody_makes_one(
        self, api: Api, acme: Seeded, operation: Operation
    ):
        sent = request_of(operation, acme)
        for cursor in ("AAAA", "e30", "W10", "WyIyMDI2LTAxLTAxIl0", "A" * 999, "=", "../", "%00"):
            assert (await api.send(sent.asking(cursor=cursor))).status_code == 422

    @pytest.mark.parametrize("operation", [one for one in OF_TENANTS if one.reads], ids=route_of)
    async def test_check_02_no_filter_and_no_order_finds_anothers(
        self, api: Api, acme: Seeded, other: Seeded, operation: Operation
    ):
        for name in queries(operation):
            for value in (CANARY, str(other.tenant_id), f"-{name}", "tenant_id", other.slug):
                response = await api.send(request_of(operation, acme).asking(**{name: value}))
                assert response.status_code in (200, 404, 422)
                assert CANARY not in response.text.replace(value, "")
                assert str(other.tenant_id) not in response.text.replace(value, "")
