"""POST /v1/backfills and the routes of jobs: checked, one row, followed by the ledger's own figures."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from opsintel.clock import today
from opsintel.db.engine import Database
from opsintel.queue import jobs, ledger
from opsintel_api.models.jobs import BackfillEstimate, Job, JobPage
from tests.api.conftest import Get, Send
from tests.seeding import Seeded


@pytest.fixture(autouse=True)
def nothing_waits(database: Database, acme: Seeded) -> None:
    """No job but the seeded one, and no work."""
    with database.system_tx() as connection:
        connection.execute("DELETE FROM work")
        connection.execute("DELETE FROM batch")
    for tenant_id in (acme.tenant_id,):
        with database.tenant_tx(tenant_id) as connection:
            connection.execute("DELETE FROM job WHERE id <> %s", (acme.job,))
            connection.execute("UPDATE job SET state = 'running', finished_at = NULL")


def span(acme: Seeded, days: int, **more: object) -> dict[str, object]:
    return {"from": str(acme.last_day - timedelta(days=days - 1)), "to": str(acme.last_day), **more}


def run_everything(database: Database, failing: date | None = None) -> None:
    while batches := ledger.build_batches(database):
        for batch in batches:
            found = ledger.start_batch(database, batch, "run")
            fault = ledger.Fault("issues", "no reason")
            ledger.finish(database, batch, {p: fault if p.day == failing else None for p in found})
            ledger.close_batch(database, batch)


class TestBackfills:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.post("/v1/backfills", json={})).status_code == 401

    async def test_an_estimate_counts_days_and_messages_and_starts_nothing(
        self, send: Send, acme: Seeded, database: Database
    ):
        answer = await send("POST", "/v1/backfills", json=span(acme, 3), estimate="true")
        assert answer.status_code == 200
        found = BackfillEstimate.model_validate_json(answer.content)
        assert (found.days, found.messages) == (3, 7)
        assert found.last_day == acme.last_day
        assert jobs.start_jobs(database) == 0

    async def test_is_accepted_as_a_job_whose_work_begins_at_the_stage(
        self, send: Send, get: Get, acme: Seeded, database: Database
    ):
        answer = await send("POST", "/v1/backfills", json=span(acme, 3, first_stage="analyses"))
        assert answer.status_code == 202
        job = Job.model_validate_json(answer.content)
        assert (job.state, job.total, job.created_by) == ("queued", None, acme.users["owner"])
        assert answer.headers["location"] == f"/v1/jobs/{job.id}"
        assert jobs.start_jobs(database) == 1
        started = Job.model_validate_json((await get(answer.headers["location"])).content)
        assert (started.state, started.total, started.done) == ("running", 3, 0)
        (batch,) = ledger.build_batches(database)
        assert set(ledger.start_batch(database, batch, "run").values()) == {"analyses"}

    async def test_its_progress_is_that_of_the_ledger_until_it_is_done(
        self, send: Send, get: Get, acme: Seeded, database: Database
    ):
        path = (await send("POST", "/v1/backfills", json=span(acme, 3))).headers["location"]
        jobs.start_jobs(database)
        (batch,) = ledger.build_batches(database)
        first, *others = ledger.start_batch(database, batch, "run")
        ledger.finish(database, batch, {first: None})
        half = (await get(path)).json()
        assert (half["state"], half["done"], half["total"]) == ("running", 1, 3)
        ledger.finish(database, batch, dict.fromkeys(others))
        ended = (await get(path)).json()
        assert (ended["state"], ended["done"], ended["failed"]) == ("done", 3, 0)
        assert ended["finished_at"]

    async def test_fails_with_the_days_that_were_given_up(self, send: Send, get: Get, acme: Seeded, database: Database):
        path = (await send("POST", "/v1/backfills", json=span(acme, 3))).headers["location"]
        jobs.start_jobs(database)
        run_everything(database, failing=acme.last_day)
        ended = (await get(path)).json()
        assert (ended["state"], ended["done"], ended["failed"]) == ("failed", 2, 1)
        assert ended["error"] == "1 of 3 days could not be processed"

    async def test_of_a_source_takes_only_the_days_that_hold_something_of_it(self, send: Send, acme: Seeded):
        asked = span(acme, 12, sources=[str(acme.sources["slack_export"])])
        found = (await send("POST", "/v1/backfills", json=asked, estimate="true")).json()
        everything = (await send("POST", "/v1/backfills", json=span(acme, 12), estimate="true")).json()
        assert found["messages"] == 9
        assert everything["messages"] == 25
        assert found["days"] < everything["days"]

    async def test_a_source_of_another_tenant_is_refused_as_one_that_is_not_there(
        self, send: Send, acme: Seeded, other: Seeded
    ):
        for source in (other.sources["mbox"], uuid4()):
            answer = await send("POST", "/v1/backfills", json=span(acme, 3, sources=[str(source)]))
            assert answer.status_code == 422
            assert answer.json()["errors"] == [{"field": "sources", "reason": "There is no such source"}]

    @pytest.mark.parametrize(
        ("first", "last", "field"),
        [
            ("2026-11-23", "2026-11-22", "from"),
            ("1990-01-01", "2026-11-01", "from"),
            ("1980-01-01", "1980-02-01", "from"),
            (str(today()), str(today() + timedelta(days=30)), "to"),
            ("2026-02-30", "2026-03-01", "from"),
            ("yesterday", "2026-03-01", "from"),
            ("0001-01-01", "2026-03-01", "from"),
        ],
    )
    async def test_days_that_cannot_be_are_told_by_their_field(self, send: Send, first: str, last: str, field: str):
        answer = await send("POST", "/v1/backfills", json={"from": first, "to": last})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["field"] for error in answer.json()["errors"]] == [field]

    @pytest.mark.parametrize(
        "more", [{"tenant_id": str(uuid4())}, {"first_stage": "drop"}, {"sources": ["x"]}, {"state": "done"}]
    )
    async def test_what_is_not_asked_for_is_refused(self, send: Send, acme: Seeded, more: dict[str, object]):
        assert (await send("POST", "/v1/backfills", json=span(acme, 3, **more))).status_code == 422


class TestABackfillThatAnalysesAnew:
    async def test_marks_what_has_an_analysis_and_holds_its_calls_under_the_ceiling(
        self, send: Send, get: Get, acme: Seeded, database: Database
    ):
        wanted = span(acme, 3, first_stage="analyses", anew=True, ceiling_usd=2.5)
        job = Job.model_validate_json((await send("POST", "/v1/backfills", json=wanted)).content)
        assert (job.parameters.anew, job.parameters.ceiling_usd) == (True, 2.5)
        assert marked(database, acme, job.id) == 7
        budgets = (await get("/v1/budgets")).json()["items"]
        assert [one["limit_usd"] for one in budgets if one["job_id"] == str(job.id)] == [2.5]

    async def test_marks_none_unless_asked_to(self, send: Send, acme: Seeded, database: Database):
        job = (await send("POST", "/v1/backfills", json=span(acme, 3, first_stage="analyses"))).json()
        assert marked(database, acme, UUID(job["id"])) == 0

    async def test_of_a_source_marks_what_came_from_it(self, send: Send, acme: Seeded, database: Database):
        with database.tenant_tx(acme.tenant_id) as connection:
            ((source, expected),) = connection.execute(
                "SELECT source_id, count(DISTINCT message_id) FROM message_occurrence JOIN message"
                " ON message.id = message_id WHERE partition_day > %s GROUP BY source_id"
                " ORDER BY count(*), source_id LIMIT 1",
                (acme.last_day - timedelta(days=3),),
            ).fetchall()
        wanted = span(acme, 3, anew=True, sources=[str(source)])
        job = (await send("POST", "/v1/backfills", json=wanted)).json()
        assert 0 < marked(database, acme, UUID(job["id"])) == expected < 7

    async def test_begins_no_later_than_at_the_analyses(self, send: Send, acme: Seeded):
        answer = await send("POST", "/v1/backfills", json=span(acme, 3, first_stage="issues", anew=True))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "first_stage"

    @pytest.mark.parametrize("ceiling", [-1, 1e12, "much"])
    async def test_has_a_ceiling_that_can_be_one(self, send: Send, acme: Seeded, database: Database, ceiling: object):
        answer = await send("POST", "/v1/backfills", json=span(acme, 3, anew=True, ceiling_usd=ceiling))
        assert answer.status_code == 422
        assert jobs.start_jobs(database) == 0

    async def test_another_ceiling_is_another_request(self, send: Send, acme: Seeded):
        headers = {"Idempotency-Key": uuid4().hex}
        first = await send("POST", "/v1/backfills", json=span(acme, 2, ceiling_usd=1), headers=headers)
        again = await send("POST", "/v1/backfills", json=span(acme, 2, ceiling_usd=1), headers=headers)
        refused = await send("POST", "/v1/backfills", json=span(acme, 2, ceiling_usd=2), headers=headers)
        assert (first.status_code, again.status_code, refused.status_code) == (202, 202, 422)
        assert first.json()["id"] == again.json()["id"]

    async def test_may_wait_in_batches_unless_it_says_otherwise(self, send: Send, acme: Seeded):
        wanted = [span(acme, 2, anew=True, **more) for more in ({}, {"batch": False})]
        jobs_of = [Job.model_validate_json((await send("POST", "/v1/backfills", json=each)).content) for each in wanted]
        assert [job.parameters.batch for job in jobs_of] == [True, False]


def marked(database: Database, acme: Seeded, job_id: UUID) -> int:
    with database.tenant_tx(acme.tenant_id) as connection:
        return connection.execute("SELECT FROM analysis WHERE current AND stale AND job_id = %s", (job_id,)).rowcount


class TestIdempotencyKey:
    async def test_the_same_request_with_the_same_key_is_one_job(self, send: Send, acme: Seeded, database: Database):
        headers = {"Idempotency-Key": uuid4().hex}
        answers = await asyncio.gather(
            *(send("POST", "/v1/backfills", json=span(acme, 2), headers=headers) for _ in range(6))
        )
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.headers["location"] for answer in answers}) == 1
        assert jobs.start_jobs(database) == 1

    async def test_another_request_with_the_same_key_is_refused(self, send: Send, acme: Seeded):
        headers = {"Idempotency-Key": uuid4().hex}
        assert (await send("POST", "/v1/backfills", json=span(acme, 2), headers=headers)).status_code == 202
        refused = await send("POST", "/v1/backfills", json=span(acme, 3), headers=headers)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "Idempotency-Key"

    async def test_belongs_to_a_person(self, send: Send, acme: Seeded):
        headers = {"Idempotency-Key": uuid4().hex}
        by_owner = await send("POST", "/v1/backfills", json=span(acme, 2), headers=headers)
        by_admin = await send("POST", "/v1/backfills", json=span(acme, 3), headers=headers, role="admin")
        assert by_admin.status_code == 202
        assert by_owner.headers["location"] != by_admin.headers["location"]

    async def test_must_be_a_key(self, send: Send, acme: Seeded):
        answer = await send("POST", "/v1/backfills", json=span(acme, 2), headers={"Idempotency-Key": "x" * 256})
        assert answer.status_code == 422


class TestJobs:
    async def test_without_a_token_they_are_401(self, client, acme: Seeded):
        assert (await client.get("/v1/jobs")).status_code == 401
        assert (await client.get(f"/v1/jobs/{acme.job}")).status_code == 401
        assert (await client.post(f"/v1/jobs/{acme.job}/cancel")).status_code == 401

    async def test_come_latest_first_page_by_page(self, send: Send, get: Get, acme: Seeded):
        started = [(await send("POST", "/v1/backfills", json=span(acme, 2))).json()["id"] for _ in range(3)]
        first = JobPage.model_validate_json((await get("/v1/jobs", limit=2)).content)
        second = JobPage.model_validate_json((await get("/v1/jobs", limit=2, cursor=first.next_cursor)).content)
        found = [str(job.id) for job in [*first.items, *second.items]]
        assert found == [*reversed(started), str(acme.job)]
        assert second.next_cursor is None

    async def test_can_be_chosen_by_state(self, send: Send, get: Get, acme: Seeded):
        await send("POST", "/v1/backfills", json=span(acme, 2))
        found = JobPage.model_validate_json((await get("/v1/jobs", state="running")).content)
        assert [job.id for job in found.items] == [acme.job]
        assert (await get("/v1/jobs", state="gone")).status_code == 422

    async def test_of_another_tenant_are_404(self, send: Send, get: Get, other: Seeded):
        absent = await get(f"/v1/jobs/{uuid4()}")
        for answer in (await get(f"/v1/jobs/{other.job}"), await send("POST", f"/v1/jobs/{other.job}/cancel")):
            assert answer.status_code == absent.status_code == 404
            assert answer.json()["detail"] == absent.json()["detail"]


class TestCancelling:
    async def test_a_queued_job_never_begins(self, send: Send, acme: Seeded, database: Database):
        path = (await send("POST", "/v1/backfills", json=span(acme, 3))).headers["location"]
        cancelled = await send("POST", f"{path}/cancel")
        assert cancelled.status_code == 200
        assert cancelled.json()["state"] == "cancelled"
        assert jobs.start_jobs(database) == 0

    async def test_a_running_job_finishes_what_it_has_in_hand_and_begins_no_more(
        self, send: Send, get: Get, acme: Seeded, database: Database
    ):
        path = (await send("POST", "/v1/backfills", json=span(acme, 6))).headers["location"]
        jobs.start_jobs(database)
        (batch,) = ledger.build_batches(database, per_tenant=2)
        assert (await send("POST", f"{path}/cancel")).json()["state"] == "cancelled"
        in_hand = ledger.start_batch(database, batch, "run")
        ledger.finish(database, batch, dict.fromkeys(in_hand))
        assert ledger.build_batches(database) == []
        assert states(database, path) == {"done": 2, "cancelled": 4}

    async def test_what_comes_back_from_a_dead_run_is_cancelled_too(self, send: Send, acme: Seeded, database: Database):
        path = (await send("POST", "/v1/backfills", json=span(acme, 2))).headers["location"]
        jobs.start_jobs(database)
        (batch,) = ledger.build_batches(database)
        ledger.start_batch(database, batch, "run")
        await send("POST", f"{path}/cancel")
        ledger.set_deadline(database, batch, timedelta(seconds=-1))
        assert ledger.build_batches(database) == []
        assert states(database, path) == {"cancelled": 2}

    async def test_a_second_time_changes_nothing(self, send: Send, acme: Seeded):
        path = (await send("POST", "/v1/backfills", json=span(acme, 3))).headers["location"]
        assert (await send("POST", f"{path}/cancel")).json() == (await send("POST", f"{path}/cancel")).json()

    async def test_a_job_that_has_ended_is_a_conflict(self, send: Send, acme: Seeded, database: Database):
        path = (await send("POST", "/v1/backfills", json=span(acme, 3))).headers["location"]
        jobs.start_jobs(database)
        run_everything(database)
        assert (await send("POST", f"{path}/cancel")).status_code == 409


def states(database: Database, path: str) -> dict[str, int]:
    job_id = UUID(path.rpartition("/")[2])
    with database.system_tx() as connection:
        rows = connection.execute("SELECT state, count(*) FROM work WHERE job_id = %s GROUP BY 1", (job_id,))
        return dict(rows.fetchall())


class TestEstimates:
    async def test_are_accepted_as_a_job(self, send: Send, get: Get, acme: Seeded):
        answer = await send("POST", "/v1/estimates", json=span(acme, 3))
        assert answer.status_code == 202
        job = Job.model_validate_json((await get(answer.headers["location"])).content)
        assert (job.kind, job.state, job.figures) == ("estimate", "queued", None)
        assert job.created_by == acme.users["owner"]

    @pytest.mark.parametrize("wrong", [{"from": "2026-11-22", "to": "2026-11-01"}, {"from": "2026-11-22"}, {}])
    async def test_want_days(self, send: Send, wrong: dict[str, str]):
        assert (await send("POST", "/v1/estimates", json=wrong)).status_code == 422
