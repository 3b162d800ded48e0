"""What people corrected, shown to the tenant's models: the nearest, masked, of that tenant alone, and paid for once."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from opsintel.context import Context
from opsintel.llm import reruns
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.analyze.examples import MOST
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY, analyses, connect_model, item, messages_of, partition, write
from tests.analyze.test_learnt import correct
from tests.peers.model_server import ModelServer, Prompt

CORRECTED = "The export of the monthly report fails with a blank page, write to ana@acme.example"
ASKED = "The export of my weekly report fails again with a blank page"
APART = "Where is my parcel, the courier never came"


def shown(prompt: Prompt) -> list[dict[str, Any]]:
    """Return the examples that a question shows."""
    examples: list[dict[str, Any]] = json.loads(prompt.turns[0]).get("examples", [])
    return examples


@pytest.fixture
def corrected(context: Context, tenant: Tenant) -> tuple[UUID, UUID]:
    """Two messages that somebody corrected before the tenant has a model; returns the corrections."""
    ids = write(context, tenant, [CORRECTED, APART])
    run(context, partition(tenant))
    return (
        correct(context, tenant, ids[0], "Platform / Integration"),
        correct(context, tenant, ids[1], "complaint", "kind"),
    )


class TestExamples:
    def test_are_the_nearest_with_what_was_said_and_without_personal_data(
        self, context: Context, tenant: Tenant, model: ModelServer, corrected: tuple[UUID, UUID]
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, [ASKED])
        run(context, partition(tenant))
        (example,) = shown(model.prompts[0])
        assert example["text"].startswith("The export of the monthly report")
        assert example["corrected"] == {"category": "Platform / Integration"}
        assert "[EMAIL_1]" in example["text"]
        assert "ana@acme.example" not in model.prompts[0].turns[0]
        (row,) = [row for row in analyses(context, tenant) if row["text"] == ASKED]
        assert row["provenance"]["examples"] == [str(corrected[0])]

    def test_are_a_handful(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        ids = write(context, tenant, [f"{ASKED} of group {number}" for number in range(MOST + 3)])
        for message_id in ids:
            correct(context, tenant, message_id, "bug_report", "kind")
        run(context, partition(tenant))
        connect_model(context, tenant, model)
        write(context, tenant, [ASKED])
        run(context, partition(tenant))
        assert len(shown(model.prompts[-1])) == MOST

    def test_are_none_that_was_undone_is_gone_or_is_an_internal_note(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        ids = write(context, tenant, [f"{ASKED} of group {number}" for number in range(2)])
        ids += write(context, tenant, [f"{ASKED}, she sounded cross"], visibility="internal")
        kept = [correct(context, tenant, message_id, "bug_report", "kind") for message_id in ids]
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE correction SET undone_at = now() WHERE id = %s", (kept[0],))
            connection.execute("UPDATE message SET deleted_at = now() WHERE id = %s", (ids[1],))
        connect_model(context, tenant, model)
        write(context, tenant, [ASKED])
        run(context, partition(tenant))
        assert shown(model.prompts[-1]) == []

    def test_are_never_the_message_itself(
        self, context: Context, tenant: Tenant, model: ModelServer, corrected: tuple[UUID, UUID]
    ) -> None:
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            reruns.mark(connection, DAY, DAY)
        run(context, partition(tenant))
        assert [shown(prompt) for prompt in model.prompts] == [[]]
        assert len(messages_of(model.prompts[0])) == len(corrected)

    def test_are_never_another_tenants(
        self, context: Context, tenant: Tenant, model: ModelServer, corrected: tuple[UUID, UUID]
    ) -> None:
        other = create_tenant(context.database, "other", "Other")
        connect_model(context, other, model)
        write(context, other, [ASKED])
        run(context, partition(other))
        assert shown(model.prompts[0]) == []
        assert "monthly" not in json.dumps(model.prompts[0].turns)
        assert corrected


class TestOneMoreCorrection:
    def test_has_nothing_paid_anew(
        self, context: Context, tenant: Tenant, model: ModelServer, corrected: tuple[UUID, UUID]
    ) -> None:
        connect_model(context, tenant, model)
        (asked,) = write(context, tenant, [ASKED])
        run(context, partition(tenant))
        correct(context, tenant, asked, "Product / App")
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE analysis SET stale = true WHERE message_id = %s", (asked,))
        assert run(context, partition(tenant)).figures["reused"] == 1
        assert len(model.prompts) == 1
        (row,) = [row for row in analyses(context, tenant) if row["text"] == ASKED]
        assert row["provenance"]["examples"] == [str(corrected[0])], "those that the answer was made with"


class TestConfidence:
    def test_is_kept_as_given_and_less_is_left_where_a_quote_was_dropped(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        quotes = [{"field": "kind", "quote": ASKED[:10]}, {"field": "kind", "quote": "nobody wrote this"}]

        def brain(prompt: Prompt) -> str:
            items = [item(each["n"], each["text"], evidence=quotes) for each in messages_of(prompt)]
            return json.dumps({"items": items})

        model.brain = brain
        write(context, tenant, [ASKED])
        run(context, partition(tenant))
        (row,) = analyses(context, tenant)
        assert row["confidence"]["kind"] == {"given": 0.8, "left": 0.56}
        assert row["output"]["confidence"]["kind"] == 0.56
