"""GET /v1/overview and /v1/timeseries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from opsintel_api.models.overview import Overview, Timeseries
from opsintel_api.routes.overview import ISSUE_STATEMENTS, STATEMENTS
from tests.api.conftest import Get
from tests.seeding import Seeded


class TestOverview:
    async def test_without_a_token_it_is_401(self, client):
        response = await client.get("/v1/overview")
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize("role", ["owner", "admin", "analyst", "viewer"])
    async def test_every_role_reads_it(self, get: Get, role):
        assert (await get("/v1/overview", role=role)).status_code == 200

    async def test_figures_are_those_of_the_rows(self, get: Get, acme: Seeded):
        first = acme.last_day - timedelta(days=3)
        response = await get("/v1/overview", from_=first.isoformat(), to=acme.last_day.isoformat())
        found = Overview.model_validate_json(response.content)
        assert (found.kpis.messages.value, found.kpis.messages.previous) == (9, 8)
        assert (found.kpis.actionable.value, found.kpis.actionable.previous) == (8, 8)
        assert found.kpis.unique_customers.value == 6
        assert found.kpis.open_issues.value == 1
        assert [day.day for day in found.by_severity_day] == [first + timedelta(days=n) for n in range(4)]
        assert sum(sum((d.sev1, d.sev2, d.sev3, d.sev4, d.sev5)) for d in found.by_severity_day) == 8
        assert sum(source.messages for source in found.by_source) == 9
        assert [issue.messages for issue in found.top_issues] == [12, 12]
        assert found.freshness.sources_healthy == found.freshness.sources_total == 2
        assert found.analysis_mode.built_in
        assert found.analysis_mode.provider == "built-in"
        assert found.analysis_mode.reason == "no weights at hand"

    async def test_without_dates_it_is_the_last_30_days(self, get: Get, acme: Seeded):
        found = Overview.model_validate_json((await get("/v1/overview")).content)
        assert found.period.to == acme.last_day
        assert (found.period.to - found.period.from_).days == 29
        assert len(found.by_severity_day) == 30

    async def test_the_same_answer_is_not_sent_twice(self, get: Get, database, acme: Seeded):
        first = await get("/v1/overview")
        again = await get("/v1/overview", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("UPDATE data_version SET version = version + 1")
        changed = await get("/v1/overview", headers={"If-None-Match": first.headers["etag"]})
        assert changed.status_code == 200

    @pytest.mark.parametrize(
        "query",
        [
            {"from_": "2026-02-30"},
            {"from_": "1700000000"},
            {"from_": "2026-02-03", "to": "2026-02-01"},
            {"from_": "2020-01-01", "to": "2026-01-01"},
            {"tenant_id": "x"},
        ],
    )
    async def test_a_span_that_makes_no_sense_is_refused(self, get: Get, query):
        response = await get("/v1/overview", **query)
        assert response.status_code == 422
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["errors"]


class TestSurges:
    async def test_an_issue_far_above_its_usual_day_surges(self, get: Get, database, acme: Seeded):
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute(
                "UPDATE fact_issue_day SET messages = 9 WHERE day = %s AND issue_id = %s",
                (acme.last_day, acme.issues["tax"]),
            )
            connection.execute("UPDATE data_version SET version = version + 1")
        found = Overview.model_validate_json((await get("/v1/overview")).content)
        assert [(s.issue_id, s.today, s.expected) for s in found.surging] == [(acme.issues["tax"], 9, 0.39)]
        assert found.surging[0].ratio == pytest.approx(22.9, abs=0.1)


class TestTimeseries:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.get("/v1/timeseries")).status_code == 401

    @pytest.mark.parametrize(("metric", "group_by"), list(STATEMENTS))
    async def test_every_combination_that_is_offered_answers(self, get: Get, metric, group_by):
        response = await get("/v1/timeseries", metric=metric, group_by=group_by)
        found = Timeseries.model_validate_json(response.content)
        assert found.series
        assert all(len(series.points) == 30 for series in found.series)

    @pytest.mark.parametrize(("metric", "group_by"), list(ISSUE_STATEMENTS))
    async def test_an_issue_has_its_own_series(self, get: Get, acme: Seeded, metric, group_by):
        response = await get("/v1/timeseries", metric=metric, group_by=group_by, issue_id=acme.issues["login"])
        found = Timeseries.model_validate_json(response.content)
        assert sum(point.value for series in found.series for point in series.points) == 12

    async def test_severities_add_up_to_all_messages(self, get: Get):
        totals = []
        for group_by in ("none", "severity", "source", "kind"):
            found = Timeseries.model_validate_json((await get("/v1/timeseries", group_by=group_by)).content)
            totals.append(sum(point.value for series in found.series for point in series.points))
        assert totals == [25, 25, 25, 25]

    async def test_customers_by_source_is_refused_with_a_reason(self, get: Get):
        response = await get("/v1/timeseries", metric="customers", group_by="source")
        assert response.status_code == 422
        assert "customers" in response.json()["errors"][0]["reason"]

    async def test_another_tenants_issue_is_404(self, get: Get, other: Seeded):
        assert (await get("/v1/timeseries", issue_id=other.issues["tax"])).status_code == 404
