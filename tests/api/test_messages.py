"""GET /v1/messages, /v1/messages/{id} and /v1/search."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel_api.models.messages import Message, MessagePage, SearchResult
from tests.api.conftest import Get
from tests.seeding import Seeded


class TestListOfMessages:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.get("/v1/messages")).status_code == 401

    async def test_messages_come_latest_first(self, get: Get, acme: Seeded):
        found = MessagePage.model_validate_json((await get("/v1/messages")).content)
        assert len(found.items) == 25
        times = [message.occurred_at for message in found.items]
        assert times == sorted(times, reverse=True)
        newsletter = next(message for message in found.items if message.id == acme.newsletter)
        assert (newsletter.actionable, newsletter.automatic, newsletter.issue) == (False, "newsletter", None)

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({"kind": "billing"}, 12),
            ({"severity": 1}, 5),
            ({"actionable": "false"}, 1),
            ({"q": "invoice tax"}, 12),
            ({"q": '"white for" -update'}, 0),
            ({"q": "' OR 1=1 --"}, 0),
        ],
    )
    async def test_filters(self, get: Get, query, count):
        assert len((await get("/v1/messages", **query)).json()["items"]) == count

    async def test_days_are_utc_days_with_both_ends(self, get: Get, acme: Seeded):
        day = (acme.last_day - timedelta(days=2)).isoformat()
        found = MessagePage.model_validate_json((await get("/v1/messages", from_=day, to=day)).content)
        assert [message.id for message in found.items] == [acme.messages[5], acme.messages[4]]

    async def test_a_source_keeps_only_its_messages(self, get: Get, acme: Seeded, other: Seeded):
        mine = (await get("/v1/messages", source=acme.sources["slack_export"])).json()["items"]
        theirs = (await get("/v1/messages", source=other.sources["slack_export"])).json()["items"]
        assert (len(mine), len(theirs)) == (9, 0)

    async def test_pages_together_are_the_list(self, get: Get):
        whole = [item["id"] for item in (await get("/v1/messages")).json()["items"]]
        ids, cursor = [], None
        while True:
            page = (await get("/v1/messages", limit=7, **({"cursor": cursor} if cursor else {}))).json()
            ids += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert ids == whole

    async def test_the_same_list_is_not_sent_twice(self, get: Get):
        first = await get("/v1/messages")
        again = await get("/v1/messages", headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304


class TestMessage:
    async def test_without_a_token_it_is_401(self, client, acme: Seeded):
        assert (await client.get(f"/v1/messages/{acme.messages[0]}")).status_code == 401

    async def test_it_comes_with_all_that_is_known(self, get: Get, acme: Seeded):
        found = Message.model_validate_json((await get(f"/v1/messages/{acme.messages[0]}")).content)
        assert found.text.startswith("The invoice shows")
        assert (found.quoted_text, found.signature_text) == ("> earlier", "-- \nA person")
        assert found.analysis is not None
        evidence = found.analysis.evidence[0]
        assert found.text[evidence.start : evidence.end] == evidence.quote
        assert found.analysis.sentiment == "negative"
        assert found.analysis.confidence["kind"] == 0.8
        assert found.membership is not None
        assert found.membership.issue.id == acme.issues["tax"]
        assert [link.id for link in found.thread] == [acme.messages[0]]
        assert [part.filename for part in found.attachments] == ["a.pdf"]
        assert (found.labels, found.defects) == (["urgent"], ["missing_date"])
        assert found.occurrences[0].source_kind == "slack_export"

    async def test_it_says_how_sure_it_was_and_what_that_is_worth(self, get: Get, database: Database, acme: Seeded):
        confidence = {"kind": {"given": 0.9, "left": 0.8, "calibrated": 0.55}, "severity": {"given": 0.6, "left": 0.6}}
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute(
                "UPDATE analysis SET confidence = %s, output = output || %s WHERE current AND message_id = %s",
                (Jsonb(confidence), Jsonb({"given": {"kind": 0.9}}), acme.messages[0]),
            )
        found = Message.model_validate_json((await get(f"/v1/messages/{acme.messages[0]}")).content).analysis
        assert found is not None
        assert (found.confidence["kind"], found.confidence["severity"]) == (0.9, 0.6)
        assert found.calibrated == {"kind": 0.55}
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute(
                "UPDATE analysis SET output = output - 'given' WHERE message_id = %s", (acme.messages[0],)
            )

    async def test_an_author_without_a_name_is_shown_by_address(self, get: Get, acme: Seeded):
        found = Message.model_validate_json((await get(f"/v1/messages/{acme.messages[5]}")).content)
        assert found.author == "customer5@buyer.example"

    async def test_another_tenants_message_looks_like_an_absent_one(self, get: Get, other: Seeded):
        for message_id in (new_id(), other.messages[0]):
            response = await get(f"/v1/messages/{message_id}")
            assert response.status_code == 404
            assert response.json()["detail"] == "There is nothing here, or not for you"

    async def test_a_deleted_message_is_gone(self, get: Get, acme: Seeded, database):
        gone = acme.messages[23]
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("UPDATE message SET deleted_at = now() WHERE id = %s", (gone,))
        assert (await get(f"/v1/messages/{gone}")).status_code == 404
        assert str(gone) not in (await get("/v1/messages")).text
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("UPDATE message SET deleted_at = NULL WHERE id = %s", (gone,))


class TestMasking:
    async def test_without_the_grant_nobody_sees_personal_data_in_text(self, get: Get, acme: Seeded):
        path = f"/v1/messages/{acme.messages[0]}"
        for role, shown in (("owner", True), ("analyst", False), ("viewer", False)):
            text = (await get(path, role=role)).text
            assert ("+49 30 1234567" in text) is shown
            assert ("help@shop.example" in text) is shown

    async def test_evidence_keeps_its_place(self, get: Get, acme: Seeded):
        found = Message.model_validate_json((await get(f"/v1/messages/{acme.messages[0]}", role="viewer")).content)
        assert found.analysis is not None
        evidence = found.analysis.evidence[0]
        assert found.text[evidence.start : evidence.end] == evidence.quote

    async def test_what_a_viewer_holds_is_never_confirmed_to_others(self, get: Get, acme: Seeded):
        path = f"/v1/messages/{acme.messages[0]}"
        masked = (await get(path, role="viewer")).headers["etag"]
        assert (await get(path, headers={"If-None-Match": masked})).status_code == 200


class TestSearch:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.get("/v1/search?q=tax")).status_code == 401

    async def test_text_finds_the_words(self, get: Get, acme: Seeded):
        found = SearchResult.model_validate_json((await get("/v1/search", q="tax invoice", mode="text")).content)
        assert {hit.id for hit in found.items} == set(acme.messages[::2])
        assert all(hit.matched_by == ["text"] for hit in found.items)

    async def test_meaning_puts_the_like_first(self, get: Get, acme: Seeded):
        query = {"q": "wrong tax rate on my invoice", "mode": "semantic", "limit": 12}
        found = SearchResult.model_validate_json((await get("/v1/search", **query)).content)
        assert {hit.id for hit in found.items} == set(acme.messages[::2])
        assert all(hit.matched_by == ["semantic"] for hit in found.items)
        assert found.embedder is not None
        assert found.embedder.built_in

    async def test_hybrid_prefers_what_both_found(self, get: Get):
        found = SearchResult.model_validate_json((await get("/v1/search", q="page stays white")).content)
        assert found.items[0].matched_by == ["text", "semantic"]
        scores = [hit.score for hit in found.items]
        assert scores == sorted(scores, reverse=True)

    async def test_a_question_without_known_words_finds_nothing(self, get: Get):
        found = SearchResult.model_validate_json((await get("/v1/search", q="¿?", mode="semantic")).content)
        assert found.items == []

    @pytest.mark.parametrize("q", ["", "a\x00b", "x" * 501])
    async def test_a_question_that_cannot_be_asked_is_422(self, get: Get, q):
        assert (await get("/v1/search", q=q)).status_code == 422
