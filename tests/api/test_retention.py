"""GET and PUT /v1/policies/retention: bounds, what would go, the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsintel.clock import today
from opsintel.db.engine import Database
from opsintel_api.models.retention import RetentionPolicy
from tests.api.conftest import Get, Send
from tests.seeding import Seeded

FOR_EVER: dict[str, Any] = {"message_days": None, "raw_payload_days": None, "fact_days": None}


@pytest.fixture(autouse=True)
def _as_at_first(database: Database) -> Iterator[None]:
    yield
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE tenant SET retention_days = NULL, payload_days = NULL, fact_days = NULL, job_days = 90,"
            " audit_days = 3650"
        )


def policy(**days: int | None) -> dict[str, Any]:
    return {**FOR_EVER, **days}


class TestRetention:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.get("/v1/policies/retention")).status_code == 401

    async def test_is_for_ever_at_first(self, get: Get):
        found = RetentionPolicy.model_validate_json((await get("/v1/policies/retention")).content)
        assert (found.message_days, found.raw_payload_days, found.fact_days) == (None, None, None)
        assert (found.job_days, found.audit_days) == (90, 3650)
        assert (found.would_go.messages, found.would_go.facts) == (0, 0)

    async def test_a_preview_says_what_would_go_and_sets_nothing(
        self, send: Send, get: Get, database: Database, acme: Seeded
    ):
        answer = await send("PUT", "/v1/policies/retention", json=policy(message_days=7), preview="true")
        assert answer.status_code == 200
        told = RetentionPolicy.model_validate_json(answer.content).would_go
        with database.tenant_tx(acme.tenant_id) as connection:
            messages = connection.execute(
                "SELECT count(*) FROM message WHERE sorted_at < now() - interval '7 days'"
            ).fetchone()
            facts = connection.execute(
                "SELECT (SELECT count(*) FROM fact_message_day WHERE day < %(day)s)"
                " + (SELECT count(*) FROM fact_participant_day WHERE day < %(day)s)"
                " + (SELECT count(*) FROM fact_issue_day WHERE day < %(day)s)",
                {"day": today() - timedelta(days=7)},
            ).fetchone()
        assert (told.messages,) == messages
        assert (told.facts,) == facts
        assert told.messages > 0
        assert told.facts > 0
        assert (await get("/v1/policies/retention")).json()["message_days"] is None

    async def test_is_set_for_the_tenant_alone_and_recorded(self, send: Send, get: Get, other: Seeded):
        asked = policy(message_days=365, raw_payload_days=30, fact_days=730, job_days=30, audit_days=400)
        answer = await send("PUT", "/v1/policies/retention", json=asked)
        assert answer.status_code == 200
        kept = (await get("/v1/policies/retention")).json()
        assert {name: kept[name] for name in asked} == asked
        assert (await send("GET", "/v1/policies/retention", tenant=other)).json()["message_days"] is None
        latest = (await get("/v1/audit", limit=1)).json()["items"][0]
        assert latest["action"] == "policy.retention_changed"
        assert latest["details"] == asked

    @pytest.mark.parametrize(
        ("asked", "field"),
        [
            (policy(message_days=6), "message_days"),
            (policy(message_days=40_000), "message_days"),
            (policy(message_days=30, raw_payload_days=31), "raw_payload_days"),
            (policy(message_days=30, fact_days=29), "fact_days"),
            (policy(fact_days=30), "fact_days"),
            (policy(job_days=1), "job_days"),
            (policy(audit_days=364), "audit_days"),
            (policy(tenant_id="x"), "tenant_id"),
            ({"message_days": 30}, "raw_payload_days"),
        ],
    )
    async def test_has_bounds(self, send: Send, asked: dict[str, Any], field: str):
        answer = await send("PUT", "/v1/policies/retention", json=asked)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field

    @pytest.mark.parametrize("role", ["analyst", "viewer"])
    async def test_is_for_those_who_manage_policies(self, send: Send, role: Any):
        assert (await send("PUT", "/v1/policies/retention", json=FOR_EVER, role=role)).status_code == 403
