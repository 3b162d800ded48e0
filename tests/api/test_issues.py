"""GET /v1/issues, /v1/issues/{id} and its members."""

from __future__ import annotations

import pytest

from opsintel.ids import new_id
from opsintel_api.models.issues import Issue, IssuePage, MemberPage
from tests.api.conftest import Get
from tests.seeding import Seeded


class TestListOfIssues:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.get("/v1/issues")).status_code == 401

    async def test_issues_come_latest_first_without_merged_ones(self, get: Get, acme: Seeded):
        found = IssuePage.model_validate_json((await get("/v1/issues")).content)
        assert [issue.id for issue in found.items] == [acme.issues["tax"], acme.issues["login"]]
        assert found.items[0].sources == ["mbox", "slack_export"]
        assert found.items[0].trend[-12:] == [1] * 12
        assert found.next_cursor is None

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({"state": "open"}, ["tax"]),
            ({"state": "resolved"}, ["login"]),
            ({"state": "archived"}, []),
            ({"severity": 2}, ["login"]),
            ({"q": "WRONG tax"}, ["tax"]),
            ({"q": "#2"}, ["login"]),
            ({"q": "100%"}, []),
            ({"sort": "customers"}, ["tax", "login"]),
            ({"sort": "volume"}, ["login", "tax"]),
        ],
    )
    async def test_filters_and_order(self, get: Get, acme: Seeded, query, names):
        found = IssuePage.model_validate_json((await get("/v1/issues", **query)).content)
        assert [issue.id for issue in found.items] == [acme.issues[name] for name in names]

    async def test_a_source_keeps_only_its_issues(self, get: Get, acme: Seeded, other: Seeded):
        mine = IssuePage.model_validate_json((await get("/v1/issues", source=acme.sources["mbox"])).content)
        theirs = IssuePage.model_validate_json((await get("/v1/issues", source=other.sources["mbox"])).content)
        assert (len(mine.items), len(theirs.items)) == (2, 0)

    @pytest.mark.parametrize("sort", ["last_seen", "volume", "customers"])
    async def test_pages_together_are_the_list(self, get: Get, acme: Seeded, sort):
        first = IssuePage.model_validate_json((await get("/v1/issues", sort=sort, limit=1)).content)
        assert first.next_cursor
        second = IssuePage.model_validate_json(
            (await get("/v1/issues", sort=sort, limit=1, cursor=first.next_cursor)).content
        )
        assert second.next_cursor is None
        ids = {issue.id for issue in [*first.items, *second.items]}
        assert ids == {acme.issues["tax"], acme.issues["login"]}


class TestCursors:
    async def test_a_cursor_of_another_question_is_refused(self, get: Get):
        cursor = (await get("/v1/issues", limit=1)).json()["next_cursor"]
        response = await get("/v1/issues", limit=1, cursor=cursor, sort="volume")
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "cursor"

    async def test_a_cursor_of_another_tenant_is_refused(self, get: Get, other: Seeded):
        cursor = (await get("/v1/issues", limit=1, tenant=other)).json()["next_cursor"]
        assert (await get("/v1/issues", limit=1, cursor=cursor)).status_code == 422

    @pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "ä", "A" * 900])
    async def test_a_cursor_that_we_did_not_make_is_refused(self, get: Get, cursor):
        assert (await get("/v1/issues", cursor=cursor)).status_code == 422

    @pytest.mark.parametrize("limit", [0, 201, -1, "all"])
    async def test_a_page_has_1_to_200_rows(self, get: Get, limit):
        assert (await get("/v1/issues", limit=limit)).status_code == 422


class TestIssue:
    async def test_without_a_token_it_is_401(self, client, acme: Seeded):
        assert (await client.get(f"/v1/issues/{acme.issues['tax']}")).status_code == 401

    async def test_it_tells_what_it_is_made_of(self, get: Get, acme: Seeded):
        found = Issue.model_validate_json((await get(f"/v1/issues/{acme.issues['tax']}")).content)
        mix = found.severity_mix
        assert mix.sev1 + mix.sev2 + mix.sev3 + mix.sev4 + mix.sev5 == 12
        assert [(count.name, count.messages) for count in found.channels] == [("email", 12)]
        assert sum(day.messages for day in found.by_source_day) == 12
        assert len(found.quotes) == 8
        assert all(quote.text.startswith("The invoice shows the wrong tax rate") for quote in found.quotes)
        assert found.history[0].kind == "created"
        assert found.clustering is not None
        assert found.clustering.name == "lexical"
        assert found.merged_into is None

    async def test_a_merged_issue_names_its_successor(self, get: Get, acme: Seeded):
        found = Issue.model_validate_json((await get(f"/v1/issues/{acme.issues['merged']}")).content)
        assert found.merged_into == acme.issues["tax"]

    @pytest.mark.parametrize("path", ["/v1/issues/{}", "/v1/issues/{}/members"])
    async def test_another_tenants_issue_looks_like_an_absent_one(self, get: Get, other: Seeded, path):
        absent, foreign = new_id(), other.issues["tax"]
        answers = []
        for issue_id in (absent, foreign):
            response = await get(path.format(issue_id))
            assert response.status_code == 404
            answers.append({k: v for k, v in response.json().items() if k not in ("request_id", "instance")})
        assert answers[0] == answers[1]


class TestMembers:
    async def test_without_a_token_it_is_401(self, client, acme: Seeded):
        assert (await client.get(f"/v1/issues/{acme.issues['tax']}/members")).status_code == 401

    async def test_each_member_says_why_it_is_there(self, get: Get, acme: Seeded):
        path = f"/v1/issues/{acme.issues['tax']}/members"
        found = MemberPage.model_validate_json((await get(path)).content)
        assert [member.message_id for member in found.items] == acme.messages[::2]
        first = found.items[0]
        assert (first.method, first.distance) == ("centroid", 0.25)
        assert first.runner_up is not None
        assert (first.runner_up.id, first.runner_up.distance) == (acme.issues["login"], 0.75)

    async def test_pages_together_are_the_list(self, get: Get, acme: Seeded):
        path, ids, cursor = f"/v1/issues/{acme.issues['tax']}/members", [], None
        while True:
            query = {"limit": 5} | ({"cursor": cursor} if cursor else {})
            found = MemberPage.model_validate_json((await get(path, **query)).content)
            ids += [member.message_id for member in found.items]
            cursor = found.next_cursor
            if cursor is None:
                break
        assert ids == acme.messages[::2]
