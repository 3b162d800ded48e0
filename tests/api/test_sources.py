"""GET /v1/sources and the failures of a source."""

from __future__ import annotations

from opsintel_api.models.sources import SourceFailurePage, SourceList
from tests.api.conftest import Get
from tests.seeding import Seeded


class TestSources:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.get("/v1/sources")).status_code == 401

    async def test_each_has_its_volume_failures_and_days(self, get: Get, acme: Seeded):
        found = SourceList.model_validate_json((await get("/v1/sources")).content)
        assert [source.kind for source in found.items] == ["mbox", "slack_export"]
        assert [source.messages for source in found.items] == [16, 9]
        assert [source.failures for source in found.items] == [3, 0]
        assert found.items[0].days[-1].day == acme.last_day
        assert sum(day.census or 0 for source in found.items for day in source.days) == 25

    async def test_a_query_parameter_is_refused(self, get: Get):
        assert (await get("/v1/sources", tenant_id="x")).status_code == 422


class TestFailures:
    async def test_without_a_token_it_is_401(self, client, acme: Seeded):
        assert (await client.get(f"/v1/sources/{acme.sources['mbox']}/failures")).status_code == 401

    async def test_they_come_latest_first_with_their_reason(self, get: Get, acme: Seeded):
        path = f"/v1/sources/{acme.sources['mbox']}/failures"
        first = SourceFailurePage.model_validate_json((await get(path, limit=2)).content)
        second = SourceFailurePage.model_validate_json((await get(path, limit=2, cursor=first.next_cursor)).content)
        assert [f.key for f in [*first.items, *second.items]] == ["item 2", "item 1", "item 0"]
        assert first.items[0].reason == "truncated "

    async def test_another_tenants_source_is_404(self, get: Get, other: Seeded):
        assert (await get(f"/v1/sources/{other.sources['mbox']}/failures")).status_code == 404
