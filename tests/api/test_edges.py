"""Tenants without any messages, and tenants whose messages are all old."""

from __future__ import annotations

from datetime import date

import pytest

from opsintel.access.accounts import create_user
from opsintel.db.engine import Database
from opsintel.tenants import create_tenant
from opsintel_api.models.issues import IssuePage
from opsintel_api.models.messages import MessagePage, SearchResult
from opsintel_api.models.overview import Overview, Timeseries
from opsintel_api.models.sources import SourceList
from tests.api.conftest import Get
from tests.seeding import PASSWORD, Seeded, seed_tenant

LAST = date(2001, 12, 31)


@pytest.fixture(scope="module")
def empty(database: Database) -> Seeded:
    """A tenant that has just been made."""
    tenant = create_tenant(database, "empty", "Empty")
    seeded = Seeded(tenant.id, tenant.slug)
    seeded.users["owner"] = create_user(database, seeded.email("owner"), "", PASSWORD, tenant.id, "owner")
    return seeded


@pytest.fixture(scope="module")
def old(database: Database) -> Seeded:
    """A tenant that imported an old mailbox."""
    return seed_tenant(database, "old", last_day=LAST)


class TestEmptyTenant:
    @pytest.mark.parametrize(
        ("path", "model"),
        [
            ("/v1/issues", IssuePage),
            ("/v1/messages", MessagePage),
            ("/v1/sources", SourceList),
            ("/v1/search?q=tax", SearchResult),
        ],
    )
    async def test_lists_are_empty(self, get: Get, empty: Seeded, path, model):
        path, _, question = path.partition("?q=")
        response = await get(path, tenant=empty, **({"q": question} if question else {}))
        assert model.model_validate_json(response.content).items == []

    async def test_the_overview_is_all_zeros(self, get: Get, empty: Seeded):
        found = Overview.model_validate_json((await get("/v1/overview", tenant=empty)).content)
        assert found.kpis.messages.value == found.kpis.unique_customers.value == found.kpis.open_issues.value == 0
        assert len(found.by_severity_day) == 30
        assert found.freshness.updated_at is None
        assert found.analysis_mode.provider is None

    @pytest.mark.parametrize("group_by", ["none", "severity", "source", "kind", "issue"])
    async def test_series_hold_no_values(self, get: Get, empty: Seeded, group_by):
        response = await get("/v1/timeseries", tenant=empty, group_by=group_by)
        found = Timeseries.model_validate_json(response.content)
        assert not any(point.value for series in found.series for point in series.points)


class TestOldTenant:
    async def test_without_dates_the_last_days_with_messages_are_shown(self, get: Get, old: Seeded):
        overview = Overview.model_validate_json((await get("/v1/overview", tenant=old)).content)
        assert (overview.period.from_, overview.period.to) == (date(2001, 12, 2), LAST)
        assert overview.kpis.messages.value == 25
        messages = MessagePage.model_validate_json((await get("/v1/messages", tenant=old)).content)
        assert len(messages.items) == 25

    async def test_trends_and_completeness_end_with_the_last_messages(self, get: Get, old: Seeded):
        issues = IssuePage.model_validate_json((await get("/v1/issues", tenant=old)).content)
        assert issues.items[0].trend[-12:] == [1] * 12
        sources = SourceList.model_validate_json((await get("/v1/sources", tenant=old)).content)
        assert sources.items[0].days[-1].day == LAST


class TestFarDays:
    @pytest.mark.parametrize("path", ["/v1/overview", "/v1/timeseries", "/v1/messages"])
    @pytest.mark.parametrize("day", ["1970-01-01", "2199-12-31"])
    async def test_the_first_and_the_last_day_are_answered(self, get: Get, path, day):
        assert (await get(path, from_=day, to=day)).status_code == 200
        assert (await get(path, to=day)).status_code == 200

    @pytest.mark.parametrize("path", ["/v1/overview", "/v1/timeseries", "/v1/messages"])
    @pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "2200-01-01", "9999-12-31"])
    async def test_days_beyond_them_are_refused_at_once(self, get: Get, path, day):
        response = await get(path, from_=day, to=day)
        assert response.status_code == 422
        assert "1970-01-01" in response.json()["errors"][0]["reason"]
