"""The limits of a tenant's requests: by class of route, shared by processes, told in headers."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from opsintel.coordination.contract import Key, Limit
from opsintel.settings import Settings
from opsintel_api.limits import SEARCH, TenantLimits, class_of
from opsintel_api.models.problem import Problem
from opsintel_api.openapi import openapi_document
from tests.api.conftest import Get
from tests.seeding import Seeded


class Buckets:
    """Buckets that nothing flows into, and how often they were asked."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.asked = 0

    async def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        self.asked += 1
        if tokens > self.tokens:
            return 30.0
        self.tokens -= tokens
        return 0.0

    async def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        self.tokens += tokens


def limits_of(
    settings: Settings, buckets: Buckets, clock: list[float] | None = None, **per_minute: int
) -> TenantLimits:
    given = {f"api_{name}_per_minute": value for name, value in per_minute.items()}
    return TenantLimits(buckets, settings.model_copy(update=given), lambda: clock[0] if clock else 0.0)


class TestTheClassOfARoute:
    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [("GET", "/v1/issues", "read"), ("HEAD", "/v1/issues", "read"), ("GET", "/v1/search", "search"),
         ("POST", "/v1/issues", "write"), ("DELETE", "/v1/search", "write")],
    )  # fmt: skip
    def test_is_by_method_and_path(self, method: str, path: str, expected: str) -> None:
        assert class_of(method, path) == expected

    def test_of_the_search_is_a_route(self) -> None:
        assert SEARCH in openapi_document()["paths"]


class TestTenantLimits:
    async def test_give_out_each_token_once_and_ask_for_few_lots(self, settings: Settings) -> None:
        buckets, tenant = Buckets(100), uuid4()
        limits = limits_of(settings, buckets, reads=600)
        taken = [await limits.take(tenant, "read") for _ in range(100)]
        assert taken == [None] * 100
        assert buckets.asked == 5
        assert await limits.take(tenant, "read") is not None

    async def test_take_what_is_left_of_a_lot(self, settings: Settings) -> None:
        limits = limits_of(settings, Buckets(3), reads=600)
        tenant = uuid4()
        taken = [await limits.take(tenant, "read") for _ in range(4)]
        assert [refusal is None for refusal in taken] == [True, True, True, False]

    async def test_refuse_without_asking_until_the_wait_is_over(self, settings: Settings) -> None:
        clock, buckets, tenant = [100.0], Buckets(0), uuid4()
        limits = limits_of(settings, buckets, clock, reads=10)
        first = await limits.take(tenant, "read")
        assert first is not None
        assert first.headers == {"Retry-After": "30", "RateLimit": '"read";r=0;t=30'}
        asked = buckets.asked
        clock[0] = 110.5
        refusal = await limits.take(tenant, "read")
        assert refusal is not None
        assert (refusal.wait, buckets.asked) == (20, asked)
        clock[0], buckets.tokens = 131.0, 1
        assert await limits.take(tenant, "read") is None

    async def test_of_tenants_and_classes_are_apart(self, settings: Settings) -> None:
        limits = limits_of(settings, Buckets(1), reads=10, writes=10)
        assert await limits.take(UUID(int=1), "read") is None
        assert await limits.take(UUID(int=1), "read") is not None
        assert limits._refused_until.keys() == {(UUID(int=1), "read")}

    async def test_of_zero_are_none(self, settings: Settings) -> None:
        buckets = Buckets(0)
        limits = limits_of(settings, buckets, reads=0)
        assert await limits.take(uuid4(), "read") is None
        assert (buckets.asked, limits.policy("read")) == (0, None)


class TestARoute:
    async def test_tells_its_policy(self, get: Get) -> None:
        response = await get("/v1/me")
        assert response.headers["ratelimit-policy"] == '"read";q=3000;w=60'

    async def test_answers_429_with_a_problem_to_a_tenant_beyond_its_limit_and_to_no_other(
        self, client, get: Get, acme: Seeded, other: Seeded
    ) -> None:
        services = client._transport.app.state.services
        object.__setattr__(services.limits, "_per_minute", {"read": 3, "search": 3, "write": 3})
        answers = [await get("/v1/me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        refused = answers[-1]
        problem = Problem.model_validate_json(refused.content)
        assert (problem.status, problem.title) == (429, "Too Many Requests")
        assert 0 < int(refused.headers["retry-after"]) <= 20
        assert refused.headers["ratelimit"].startswith('"read";r=0;t=')
        assert refused.headers["ratelimit-policy"] == '"read";q=3;w=60'
        assert (await get("/v1/search", q="tax")).status_code == 200
        assert (await get("/v1/me", tenant=other)).status_code == 200
