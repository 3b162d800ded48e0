"""Filters by the API: kept by name and version, refused with the character, previewed, and chosen for a source."""

from __future__ import annotations

from typing import Any

import pytest

from opsintel.db.engine import Database
from tests.api.conftest import Get, Send
from tests.seeding import Seeded

TREE = {"version": 1, "tree": {"op": "words", "field": "subject", "text": "tax"}}


async def kept(send: Send, name: str, text: str = "subject:tax", **fields: Any) -> dict[str, Any]:
    answer = await send("POST", "/v1/filters", json={"name": name, "text": text}, **fields)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/filters/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


class TestKeptFilters:
    async def test_are_the_same_as_text_and_as_tree(self, send: Send) -> None:
        by_text = await kept(send, "By text")
        by_tree = (await send("POST", "/v1/filters", json={"name": "By tree", "tree": TREE})).json()
        assert (by_text["text"], by_text["tree"]) == (by_tree["text"], by_tree["tree"]) == ("subject:tax", TREE)
        assert [version["version"] for version in by_text["versions"]] == [1]

    async def test_have_one_name_each(self, send: Send) -> None:
        await kept(send, "Taken")
        again = await send("POST", "/v1/filters", json={"name": "Taken", "text": "subject:tax"})
        assert again.status_code == 409

    async def test_are_changed_by_a_further_version(self, send: Send, get: Get) -> None:
        path = f"/v1/filters/{(await kept(send, 'Changed'))['id']}"
        changed = await send("PUT", path, json={"name": "Changed again", "text": "subject:login"})
        assert (changed.status_code, changed.json()["jobs"]) == (200, [])
        same = await send("PUT", path, json={"name": "Changed again", "text": " subject:login "})
        assert same.json()["version"] == 2
        shown = (await get(path)).json()
        assert (shown["name"], shown["text"]) == ("Changed again", "subject:login")
        assert [version["text"] for version in shown["versions"]] == ["subject:login", "subject:tax"]

    async def test_are_put_away_and_stay_readable(self, send: Send, get: Get) -> None:
        one = await kept(send, "Away")
        path = f"/v1/filters/{one['id']}"
        assert (await send("DELETE", path)).status_code == 204
        assert (await get(path)).json()["archived_at"] is not None
        assert one["id"] not in [each["id"] for each in (await get("/v1/filters")).json()["items"]]
        assert (await send("PUT", path, json={"name": "Away", "text": ""})).status_code == 404
        assert (await kept(send, "Away"))["id"] != one["id"]

    async def test_are_ones_own_for_analysts(self, send: Send) -> None:
        others, own = await kept(send, "Owner's"), await kept(send, "Analyst's", role="analyst")
        body = {"name": "Mine", "text": "subject:login"}
        refused = await send("PUT", f"/v1/filters/{others['id']}", role="analyst", json=body)
        assert (refused.status_code, "somebody else's" in refused.json()["detail"]) == (403, True)
        assert (await send("DELETE", f"/v1/filters/{others['id']}", role="analyst")).status_code == 403
        assert (await send("PUT", f"/v1/filters/{own['id']}", role="analyst", json=body)).status_code == 200

    async def test_of_sources_are_changed_by_who_may_change_sources(
        self, send: Send, get: Get, acme: Seeded, database: Database
    ) -> None:
        own = await kept(send, "Analyst's source", role="analyst")
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute(
                "UPDATE source SET filter_id = %s, filter_version = 1, filtered_at = now() WHERE id = %s",
                (own["id"], acme.sources["mbox"]),
            )
        path, body = f"/v1/filters/{own['id']}", {"name": "Wider", "text": ""}
        refused = await send("PUT", path, role="analyst", json=body)
        assert (refused.status_code, "Sources go by this filter" in refused.json()["detail"]) == (403, True)
        assert (await send("DELETE", path)).status_code == 409
        changed = await send("PUT", path, json=body)
        (job,) = changed.json()["jobs"]
        parameters = (await get(f"/v1/jobs/{job}")).json()["parameters"]
        assert parameters == {
            "action": "filter", "source_id": str(acme.sources["mbox"]), "from": None, "filter_id": own["id"],
        }  # fmt: skip
        assert changed.json()["sources"][0]["version"] == 1, "until the job is done"
        shown = (await get(f"/v1/sources/{acme.sources['mbox']}")).json()
        assert (shown["filter"]["id"], shown["filter"]["version"], shown["needs_backfill"]) == (own["id"], 1, False)
        severe = await send("PUT", path, json={"name": "Wider", "text": "severity:1"})
        assert severe.status_code == 422


class TestWrongFilters:
    @pytest.mark.parametrize("path", ["/v1/filters", "/v1/filter-previews"])
    async def test_are_refused_with_the_character(self, send: Send, path: str) -> None:
        name = {"name": "Wrong"} if path == "/v1/filters" else {}
        answer = await send("POST", path, json={**name, "text": "subject:tax (from:a"})
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["field"], error["position"]) == ("text", 12)
        assert "character 13" in answer.json()["detail"]

    async def test_are_refused_with_the_path_in_the_tree(self, send: Send) -> None:
        wrong = {"op": "words", "field": "x", "text": "y"}
        tree = {"version": 1, "tree": {"op": "and", "parts": [TREE["tree"], wrong]}}
        answer = await send("POST", "/v1/filter-previews", json={"tree": tree})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"].startswith("tree.parts.1")
        assert "position" not in answer.json()["errors"][0]

    @pytest.mark.parametrize("body", [{}, {"text": "", "tree": TREE}], ids=["neither", "both"])
    async def test_are_neither_or_both(self, send: Send, body: dict[str, Any]) -> None:
        assert (await send("POST", "/v1/filter-previews", json=body)).status_code == 422


class TestPreview:
    async def test_counts_what_is_stored_and_says_what_is_evaluated_here(self, send: Send, acme: Seeded) -> None:
        shown = (await send("POST", "/v1/filter-previews", json={"text": "subject:tax /E\\d+/ OR subject:tax"})).json()
        assert (shown["text"], shown["messages"]) == ("(subject:tax /E\\d+/) OR subject:tax", 12)
        assert shown["cost_usd_per_month"] is None
        assert shown["messages_per_day"] == pytest.approx(1, abs=0.3)
        assert [sample["id"] for sample in shown["samples"]] == [str(id_) for id_ in acme.messages[::2]]
        assert {entry["kind"]: (entry["sources"], entry["exactness"]) for entry in shown["providers"]} == {
            "mbox": (1, "local"), "slack_export": (1, "local"),
        }  # fmt: skip
        assert {term["term"] for term in shown["providers"][0]["not_pushed"]} == {"subject:tax"}

    async def test_masks_what_its_reader_may_not_see_but_not_the_filter(self, send: Send) -> None:
        text = "from:@buyer.example -from:jane@buyer.example"
        shown = (await send("POST", "/v1/filter-previews", role="analyst", json={"text": text})).json()
        assert shown["text"] == text
        assert "+49 30 1234567" not in str(shown["samples"])


class TestTheFilterOfASource:
    async def test_is_put_in_force_by_a_job(self, send: Send, get: Get, acme: Seeded) -> None:
        one = await kept(send, "For Slack")
        path = f"/v1/sources/{acme.sources['slack_export']}/filter"
        asked = await send("PUT", path, json={"filter_id": one["id"]})
        assert (asked.status_code, asked.headers["location"]) == (202, f"/v1/jobs/{asked.json()['id']}")
        assert asked.json()["parameters"]["filter_id"] == one["id"]
        assert (await send("PUT", path, json={"filter_id": None})).status_code == 202
        assert (await send("PUT", path, json={})).status_code == 422
        assert (await send("DELETE", f"/v1/filters/{one['id']}")).status_code == 204
        assert (await send("PUT", path, json={"filter_id": one["id"]})).status_code == 404
