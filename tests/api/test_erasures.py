"""POST /v1/erasures: a dry run first, then what keeps to it; the row names the person to the worker alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel_api.models.erasures import Erasure, ErasurePage
from opsintel_api.models.jobs import Job
from tests.api.conftest import Get, Send
from tests.seeding import Seeded, insert

EMAIL = "customer1@buyer.example"
SUBJECT = {"email": EMAIL}


@pytest.fixture
def dry_run(send: Send, database: Database, acme: Seeded) -> Any:
    """Return a dry run that a worker has ended."""

    async def done(subject: dict[str, Any] = SUBJECT) -> str:
        answer = await send("POST", "/v1/erasures", json={"subject": subject, "dry_run": True})
        assert answer.status_code == 202, answer.text
        found = str(answer.json()["id"])
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("UPDATE erasure SET state = 'done', wanted = NULL WHERE id = %s", (found,))
        return found

    return done


def row(database: Database, acme: Seeded, erasure_id: str) -> tuple[Any, ...]:
    with database.tenant_tx(acme.tenant_id) as connection:
        found = connection.execute(
            "SELECT kind, state, dry_run, dry_run_id, wanted, actor_kind, actor_id FROM erasure WHERE id = %s",
            (erasure_id,),
        ).fetchone()
    assert found is not None
    return found


class TestADryRun:
    async def test_is_accepted_as_a_job_that_can_be_followed(
        self, send: Send, get: Get, acme: Seeded, database: Database
    ):
        answer = await send("POST", "/v1/erasures", json={"subject": {"email": EMAIL.upper()}, "dry_run": True})
        assert answer.status_code == 202
        job = Job.model_validate_json(answer.content)
        assert (job.kind, job.state, job.figures) == ("erasure", "queued", None)
        assert answer.headers["location"] == f"/v1/jobs/{job.id}"
        assert (await get(answer.headers["location"])).json()["id"] == str(job.id)
        kept = row(database, acme, str(job.id))
        assert kept == (
            "person", "queued", True, None, {"address": EMAIL}, "person", str(acme.users["owner"]),
        )  # fmt: skip

    async def test_by_a_participant_of_another_tenant_is_refused_as_one_that_is_not_there(
        self, send: Send, other: Seeded
    ):
        for one in (other.participants[0], uuid4()):
            answer = await send("POST", "/v1/erasures", json={"subject": {"participant_id": str(one)}, "dry_run": True})
            assert answer.status_code == 422
            assert answer.json()["errors"] == [
                {"field": "subject.participant_id", "reason": "There is no such participant"}
            ]

    async def test_is_in_the_audit_log_without_the_person(self, send: Send, get: Get, acme: Seeded):
        made = (await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run": True})).json()["id"]
        latest = (await get("/v1/audit", limit=1)).json()["items"][0]
        assert (latest["action"], latest["subject"]["id"]) == ("person.erasure_previewed", made)
        assert EMAIL not in str(latest)

    @pytest.mark.parametrize(
        "body",
        [
            {"subject": SUBJECT},
            {"subject": SUBJECT, "dry_run": True, "dry_run_id": str(UUID(int=1))},
            {"subject": {}, "dry_run": True},
            {"subject": {**SUBJECT, "participant_id": str(UUID(int=1))}, "dry_run": True},
            {"subject": {"email": "nobody"}, "dry_run": True},
            {"subject": SUBJECT, "dry_run": True, "tenant_id": str(UUID(int=1))},
            {"dry_run": True},
        ],
    )
    async def test_must_be_one_of_one_person(self, send: Send, body: dict[str, Any]):
        assert (await send("POST", "/v1/erasures", json=body)).status_code == 422


class TestTheErasure:
    async def test_keeps_to_the_dry_run_that_it_names(self, send: Send, acme: Seeded, database: Database, dry_run: Any):
        looked_at = await dry_run()
        answer = await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run_id": looked_at})
        assert answer.status_code == 202
        kept = row(database, acme, answer.json()["id"])
        assert kept[:5] == ("person", "queued", False, UUID(looked_at), {"address": EMAIL})

    async def test_named_again_is_the_same_job(self, send: Send, dry_run: Any):
        body = {"subject": SUBJECT, "dry_run_id": await dry_run()}
        first, second = [await send("POST", "/v1/erasures", json=body) for _ in range(2)]
        assert first.status_code == second.status_code == 202
        assert first.json()["id"] == second.json()["id"]

    async def test_is_a_conflict_before_the_dry_run_has_ended(self, send: Send):
        running = (await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run": True})).json()["id"]
        answer = await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run_id": running})
        assert (answer.status_code, answer.json()["detail"]) == (409, "The dry run has not ended")

    async def test_is_a_conflict_once_the_person_has_written_again(
        self, send: Send, acme: Seeded, database: Database, dry_run: Any
    ):
        looked_at = await dry_run()
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute(
                "UPDATE message SET revision = revision + 1 WHERE id = (SELECT min(id::text)::uuid FROM message"
                " WHERE author_id = %s)",
                (acme.participants[1],),
            )
        answer = await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run_id": looked_at})
        assert answer.status_code == 409
        assert "has changed" in answer.json()["detail"]

    async def test_is_a_conflict_once_the_person_has_another_address(
        self, send: Send, acme: Seeded, database: Database, dry_run: Any
    ):
        looked_at = await dry_run()
        with database.tenant_tx(acme.tenant_id) as connection:
            insert(
                connection, "participant_identity", tenant_id=acme.tenant_id, kind="slack", value=f"U{new_id().hex}",
                participant_id=acme.participants[1],
            )  # fmt: skip
        answer = await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run_id": looked_at})
        assert answer.status_code == 409

    async def test_of_somebody_else_than_the_dry_run_is_a_conflict(self, send: Send, dry_run: Any):
        answer = await send(
            "POST", "/v1/erasures", json={"subject": {"email": "nobody@buyer.example"}, "dry_run_id": await dry_run()}
        )
        assert answer.status_code == 409

    async def test_needs_a_dry_run_of_the_tenant(self, send: Send, other: Seeded):
        for one in (other.erasure, uuid4()):
            answer = await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run_id": str(one)})
            assert answer.status_code == 422
            assert answer.json()["errors"] == [{"field": "dry_run_id", "reason": "There is no such dry run"}]


class TestErasures:
    async def test_without_a_token_they_are_401(self, client):
        assert (await client.get("/v1/erasures")).status_code == 401
        assert (await client.post("/v1/erasures", json={})).status_code == 401

    @pytest.mark.parametrize("role", ["analyst", "viewer"])
    async def test_are_for_those_who_manage_policies(self, send: Send, role: Any):
        body = {"subject": SUBJECT, "dry_run": True}
        assert (await send("POST", "/v1/erasures", json=body, role=role)).status_code == 403
        assert (await send("GET", "/v1/erasures", role=role)).status_code == 403

    async def test_come_latest_first_page_by_page_and_name_nobody(self, send: Send, get: Get):
        started = [
            (await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run": True})).json()["id"]
            for _ in range(2)
        ]
        first = await get("/v1/erasures", limit=1, dry_run="true")
        page = ErasurePage.model_validate_json(first.content)
        next_page = await get("/v1/erasures", limit=1, dry_run="true", cursor=page.next_cursor)
        second = ErasurePage.model_validate_json(next_page.content)
        assert [str(one.id) for one in [*page.items, *second.items]] == [*reversed(started)]
        assert EMAIL not in first.text
        erasures = ErasurePage.model_validate_json((await get("/v1/erasures", dry_run="false")).content)
        assert not any(one.dry_run for one in erasures.items)

    async def test_one_says_how_far_it_is_and_names_nobody(self, send: Send, get: Get, acme: Seeded):
        made = (await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run": True})).json()["id"]
        answer = await get(f"/v1/erasures/{made}")
        found = Erasure.model_validate_json(answer.content)
        assert (found.state, found.stores, found.receipt) == ("queued", None, None)
        assert found.asked_by.id == acme.users["owner"]
        assert EMAIL not in answer.text

    async def test_its_job_cannot_be_cancelled(self, send: Send):
        made = (await send("POST", "/v1/erasures", json={"subject": SUBJECT, "dry_run": True})).json()["id"]
        assert (await send("POST", f"/v1/jobs/{made}/cancel")).status_code == 409
