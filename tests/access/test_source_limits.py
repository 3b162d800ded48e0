"""Members and keys that are limited to some sources see what came from them, and figures of nothing else."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from opsintel.access.roles import ROLES, SESSION, matrix
from opsintel.db.engine import AsyncDatabase, Database
from opsintel.db.tables import declaration_of, metadata
from opsintel.ids import new_id
from tests.access.attack import Api
from tests.api.examples import example, path_of, protected_routes
from tests.seeding import Seeded

pytestmark = pytest.mark.asyncio(loop_scope="module")

READ = [r for r in protected_routes() if matrix().routes[r] <= matrix().of_limited and r.startswith("GET")]


@pytest.fixture(scope="module")
def seen(database: Database, acme: Seeded) -> dict[str, set[str]]:
    """Ids of acme's messages by kind of source."""
    with database.tenant_tx(acme.tenant_id) as connection:
        rows = connection.execute(
            "SELECT source.kind, message_id::text FROM message_occurrence JOIN source ON source.id = source_id"
        ).fetchall()
    return {kind: {row[1] for row in rows if row[0] == kind} for kind in ("mbox", "slack_export")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def limited(api: Api, database: Database, acme: Seeded) -> str:
    """The token of acme's analyst, who is limited to the Slack export."""
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE membership SET source_ids = %s WHERE user_id = %s",
            ([acme.sources["slack_export"]], acme.users["analyst"]),
        )
    return await api.token("analyst")


async def body(api: Api, token: str, path: str, **query: Any) -> Any:
    response = await api.bearer(token, "GET", path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


class TestMessages:
    async def test_lists_searches_and_members_hold_those_of_the_sources_only(self, api: Api, limited, seen, acme):
        listed = await body(api, limited, "/v1/messages", limit=200)
        assert {item["id"] for item in listed["items"]} == seen["slack_export"]
        for mode in ("text", "semantic", "hybrid"):
            found = await body(api, limited, "/v1/search", q="invoice", mode=mode, limit=200)
            assert {item["id"] for item in found["items"]} <= seen["slack_export"]
            assert found["items"]
        members = await body(api, limited, f"/v1/issues/{acme.issues['tax']}/members", limit=200)
        ids = {item["message_id"] for item in members["items"]}
        assert ids
        assert ids <= seen["slack_export"]

    async def test_every_other_message_is_an_absent_one(self, api: Api, limited, seen):
        absent = await api.bearer(limited, "GET", f"/v1/messages/{new_id()}")
        for message_id in seen["mbox"]:
            response = await api.bearer(limited, "GET", f"/v1/messages/{message_id}")
            assert (response.status_code, response.json()["detail"]) == (404, absent.json()["detail"])
        for message_id in seen["slack_export"]:
            assert (await api.bearer(limited, "GET", f"/v1/messages/{message_id}")).status_code == 200

    async def test_another_source_as_a_filter_finds_nothing(self, api: Api, limited, acme):
        for path in ("/v1/messages", "/v1/issues"):
            assert (await body(api, limited, path, source=acme.sources["mbox"]))["items"] == []
            assert (await body(api, limited, path, source=acme.sources["slack_export"]))["items"]

    async def test_sources_are_their_own(self, api: Api, limited, acme):
        listed = (await body(api, limited, "/v1/sources"))["items"]
        assert [source["id"] for source in listed] == [str(acme.sources["slack_export"])]
        response = await api.bearer(limited, "GET", f"/v1/sources/{acme.sources['mbox']}/failures")
        assert response.status_code == 404


class TestFigures:
    async def test_issues_count_what_their_reader_sees(self, api: Api, limited, seen, acme, database: Database):
        for item in (await body(api, limited, "/v1/issues"))["items"]:
            with database.tenant_tx(acme.tenant_id) as connection:
                rows = connection.execute(
                    "SELECT message.id::text, author_id, sorted_at FROM issue_member"
                    " JOIN message ON message.id = message_id WHERE issue_id = %s", (item["id"],),
                ).fetchall()  # fmt: skip
            mine = [row for row in rows if row[0] in seen["slack_export"]]
            assert 0 < len(mine) < len(rows)
            assert (item["messages"], sum(item["trend"])) == (len(mine), len(mine))
            assert item["customers"] == len({row[1] for row in mine})
            assert item["sources"] == ["slack_export"]
            shown = await body(api, limited, f"/v1/issues/{item['id']}")
            assert sum(shown["severity_mix"].values()) == len(mine)
            assert {quote["message_id"] for quote in shown["quotes"]} <= seen["slack_export"]
            assert (shown["summary"], shown["history"]) == ("", [])
            assert sum(day["messages"] for day in shown["by_source_day"]) == len(mine)

    async def test_an_issue_without_a_message_of_the_sources_is_an_absent_one(self, api: Api, limited, database, acme):
        hidden = new_id()
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute(
                "INSERT INTO issue (tenant_id, id, number, title, title_method, severity)"
                " VALUES (%s, %s, 99, 'x', '', 5)",
                (acme.tenant_id, hidden),
            )
        assert (await api.bearer(limited, "GET", f"/v1/issues/{hidden}")).status_code == 404
        assert (await api.owner("GET", f"/v1/issues/{hidden}")).status_code == 200
        assert str(hidden) not in (await api.bearer(limited, "GET", "/v1/issues")).text

    async def test_the_overview_counts_their_messages(self, api: Api, limited, seen):
        found = await body(api, limited, "/v1/overview")
        assert found["kpis"]["messages"]["value"] == len(seen["slack_export"])
        assert [source["kind"] for source in found["by_source"]] == ["slack_export"]
        assert found["freshness"]["sources_total"] == 1
        assert sum(issue["messages"] for issue in found["top_issues"]) <= len(seen["slack_export"])

    @pytest.mark.parametrize("group_by", ["none", "severity", "source", "kind", "issue"])
    async def test_series_count_their_messages(self, api: Api, limited, seen, group_by):
        found = await body(api, limited, "/v1/timeseries", metric="messages", group_by=group_by)
        counted = sum(point["value"] for series in found["series"] for point in series["points"])
        in_no_issue = 1 if group_by == "issue" else 0
        assert counted == len(seen["slack_export"]) - in_no_issue

    async def test_customers_are_those_of_their_messages(self, api: Api, limited, seen, database, acme):
        with database.tenant_tx(acme.tenant_id) as connection:
            rows = connection.execute("SELECT id::text, author_id FROM message WHERE automatic IS NULL").fetchall()
        mine = {row[1] for row in rows if row[0] in seen["slack_export"]}
        found = await body(api, limited, "/v1/overview")
        assert found["kpis"]["unique_customers"]["value"] == len(mine) < len({row[1] for row in rows})

    @pytest.mark.parametrize("route", READ)
    async def test_no_answer_holds_an_id_of_another_source(self, api: Api, limited, seen, acme, route):
        asked = example(route, acme)
        path = path_of(route, acme).replace(str(acme.sources["mbox"]), str(acme.sources["slack_export"]))
        response = await api.bearer(limited, "GET", path, params=asked.query)
        for hidden in (*seen["mbox"], str(acme.sources["mbox"])):
            assert hidden not in response.text

    async def test_a_tag_of_somebody_elses_answer_is_not_theirs(self, api: Api, limited):
        for path in ("/v1/overview", "/v1/timeseries", "/v1/issues"):
            tag = (await api.owner("GET", path)).headers["etag"]
            response = await api.bearer(limited, "GET", path, headers={"If-None-Match": tag})
            assert response.status_code == 200


class TestRights:
    @pytest.mark.parametrize("route", [route for route in protected_routes() if matrix().routes[route] != SESSION])
    async def test_what_acts_on_the_whole_tenant_is_refused(self, api: Api, limited, acme, route):
        need = matrix().routes[route]
        asked = example(route, acme)
        response = await api.bearer(
            limited, route.split()[0], path_of(route, acme), json=asked.body, params=asked.query
        )
        refused = not need <= matrix().of_member("analyst", limited=True)
        assert (response.status_code == 403) is refused

    @pytest.mark.parametrize("role", ROLES)
    async def test_a_limit_takes_rights_and_gives_none(self, role):
        held = matrix().of_member(role, matrix().grantable.get(role, ()), limited=True)
        assert held <= matrix().of_limited & matrix().of_member(role, matrix().grantable.get(role, ()))

    async def test_a_limited_key_sees_the_same(self, api: Api, limited, seen, acme):
        sources = [str(acme.sources["slack_export"])]
        asked = {"name": "Key", "scopes": ["insights.read"], "source_ids": sources}
        value = (await api.owner("POST", "/v1/service-keys", json=asked)).json()["value"]
        listed = await body(api, value, "/v1/messages", limit=200)
        assert {item["id"] for item in listed["items"]} == seen["slack_export"]
        asked["scopes"] = ["analysis.rerun"]
        assert (await api.owner("POST", "/v1/service-keys", json=asked)).status_code == 422

    async def test_limited_to_nothing_they_see_nothing(self, api: Api, limited, database, acme):
        with database.system_tx() as connection:
            connection.execute("UPDATE membership SET source_ids = '{}' WHERE user_id = %s", (acme.users["analyst"],))
        for path in ("/v1/messages", "/v1/issues", "/v1/sources"):
            assert (await body(api, limited, path))["items"] == []
        assert (await body(api, limited, "/v1/overview"))["kpis"]["messages"]["value"] == 0


class TestDatabase:
    @pytest_asyncio.fixture(loop_scope="module")
    async def opened(self, database_url: str):
        opened = await AsyncDatabase.open(database_url)
        yield opened
        await opened.close()

    async def test_every_table_shows_rows_of_the_sources_or_none(self, opened, acme: Seeded, seen):
        sources = [acme.sources["slack_export"]]
        readable = 0
        for table in metadata.sorted_tables:
            async with opened.tenant_tx(acme.tenant_id, sources) as connection:
                try:
                    rows = await connection.fetch(f"SELECT to_jsonb(t)::text FROM public.{table.name} AS t")
                except asyncpg.InsufficientPrivilegeError:
                    continue
            readable += 1
            for row in rows:
                assert not [hidden for hidden in (*seen["mbox"], str(acme.sources["mbox"])) if hidden in row[0]], (
                    table.name
                )
        assert readable == len([t for t in metadata.sorted_tables if _is_declared(t)])

    async def test_nothing_is_written_through_a_limit(self, opened, acme: Seeded):
        for table in metadata.sorted_tables:
            for statement in (f"DELETE FROM public.{table.name}", f"INSERT INTO public.{table.name} DEFAULT VALUES"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with opened.tenant_tx(acme.tenant_id, [acme.sources["mbox"]]) as connection:
                        await connection.execute(statement)

    async def test_another_tenants_sources_show_nothing(self, opened, acme: Seeded, other: Seeded):
        async with opened.tenant_tx(acme.tenant_id, list(other.sources.values())) as connection:
            for table in ("message", "issue", "source", "fact_message_day", "fact_issue_day"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0

    async def test_a_limit_that_is_not_set_is_an_error(self, opened, acme: Seeded):
        async with opened.tenant_tx(acme.tenant_id, []) as connection:
            await connection.execute("SET LOCAL app.source_ids = ''; SAVEPOINT before")
            with pytest.raises(asyncpg.InvalidTextRepresentationError):
                await connection.fetch("SELECT id FROM source")
            await connection.execute("ROLLBACK TO before")

    async def test_the_next_transaction_of_the_connection_is_free_again(self, database_url: str, acme: Seeded, seen):
        single = await AsyncDatabase.open(database_url, max_size=1)
        found = []
        for sources in (None, [acme.sources["slack_export"]], None):
            async with single.tenant_tx(acme.tenant_id, sources) as connection:
                found.append(await connection.fetchval("SELECT count(*) FROM message"))
        await single.close()
        total = sum(len(ids) for ids in seen.values())
        assert found == [total, len(seen["slack_export"]), total]


def _is_declared(table: Any) -> bool:
    return any(access.role == "opsintel_limited" for access in declaration_of(table).access)
