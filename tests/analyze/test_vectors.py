"""Vectors of messages by the tenant's model: paid once, never mixed with others, and issues made of them."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.llm.ceilings import set_budget
from opsintel.llm.chain import chain_of, reorder_chain
from opsintel.llm.parked import due_now, resume
from opsintel.llm.vectors import version_of
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.issues import run as issues
from opsintel_pipeline.vectors import cost
from tests.analyze.conftest import DAY, connect_model, write
from tests.analyze.embedded import EXPORTS, PARCELS, TEXTS, current, day, grouped, one, rows, sent
from tests.connectors.remote import Fault
from tests.peers.model_server import ModelServer, Texts
from tests.peers.provider import Refusal
from tests.seeding import insert


@pytest.mark.parametrize("provider", ["openai", "gemini", "ollama", "vllm"])
def test_issues_are_made_of_the_vectors_of_the_model(
    provider: str, context: Context, tenant: Tenant, model: ModelServer
) -> None:
    connect_model(context, tenant, model, provider, purpose="embed")
    write(context, tenant, TEXTS)
    day(context, tenant)
    with context.database.tenant_tx(tenant.id) as connection:
        (link,) = chain_of(connection, "embed")
    stored = rows(context, tenant, "SELECT model_version, vector_dims(vector), vector_norm(vector) FROM embedding")
    assert {(version, length) for version, length, _ in stored} == {(version_of(link), 256)}
    assert [round(norm, 4) for *_, norm in stored] == [1.0] * len(TEXTS)
    assert current(context, tenant) == (link.model, False)
    assert sorted(grouped(context, tenant).values(), key=min) == [set(PARCELS), set(EXPORTS)]
    assert {row[0] for row in rows(context, tenant, "SELECT model_version FROM issue")} == {version_of(link)}


class TestPayment:
    def test_is_for_each_text_once(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model, purpose="embed")
        write(context, tenant, [*TEXTS, *TEXTS])
        day(context, tenant)
        assert sorted(sent(model)) == sorted(TEXTS)
        write(context, tenant, TEXTS[:3])
        day(context, tenant)
        issues.consolidate(context, tenant.id)
        assert len(model.embedded) == 2, "the mean's, and one call for all texts"
        assert one(context, tenant, "SELECT count(*) FROM embedding") == 2 * len(TEXTS) + 3

    def test_is_in_the_ledger_under_its_purpose(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model, purpose="embed")
        write(context, tenant, TEXTS)
        day(context, tenant)
        (usage,) = rows(
            context, tenant, "SELECT purpose, calls, messages, cost_usd, unpriced FROM fact_model_usage_day"
        )
        (paid,) = rows(context, tenant, "SELECT sum(tokens_in), sum(cost_usd) FROM model_call WHERE state = 'settled'")
        assert (usage[0], usage[1], usage[2], usage[4]) == ("embed", 2, len(TEXTS), 0)
        assert usage[3] == paid[1] == paid[0] * Decimal("0.00000002")

    def test_is_estimated_before(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model, purpose="embed")
        write(context, tenant, [*TEXTS, *TEXTS])
        found = cost.estimate(context, tenant.id, DAY, DAY)
        assert (found.messages, found.calls, found.model) == (16, 1, "text-embedding-3-small")
        assert found.cost_usd == found.tokens_in * Decimal("0.00000002")
        assert len("".join(TEXTS)) / 4 < found.tokens_in < len("".join(TEXTS))
        day(context, tenant)
        assert cost.estimate(context, tenant.id, DAY, DAY).messages == 0

    def test_stops_at_the_ceiling_and_goes_on_once_that_is_raised(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model, purpose="embed")
        write(context, tenant, TEXTS)
        with context.database.tenant_tx(tenant.id) as connection:
            set_budget(connection, tenant.id, "month", None, Decimal("0.0000001"))
        day(context, tenant)
        assert model.embedded == []
        assert current(context, tenant) == ("lexical", True)
        with context.database.tenant_tx(tenant.id) as connection:
            set_budget(connection, tenant.id, "month", None, Decimal(1))
        assert resume(context.database) == 1
        assert rows(context, tenant, "SELECT payload->>'day', payload->>'first_stage' FROM outbox") == [
            (DAY.isoformat(), "issues")
        ]
        day(context, tenant)
        assert current(context, tenant) == ("text-embedding-3-small", False)


class TestAModelThatFails:
    @pytest.fixture
    def in_force(self, context: Context, tenant: Tenant, model: ModelServer) -> str:
        connect_model(context, tenant, model, purpose="embed")
        write(context, tenant, TEXTS)
        day(context, tenant)
        with context.database.tenant_tx(tenant.id) as connection:
            (link,) = chain_of(connection, "embed")
        return version_of(link)

    def test_at_first_leaves_the_built_in_embedder_in_force(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model, purpose="embed")
        write(context, tenant, TEXTS)
        model.fail(Fault.BROKEN, times=100)
        day(context, tenant)
        assert current(context, tenant) == ("lexical", True)
        assert grouped(context, tenant)
        assert one(context, tenant, "SELECT reason FROM embedding_model WHERE current").startswith("the tenant's own")
        assert one(context, tenant, "SELECT retry_at > now() FROM embedding_model WHERE NOT current")

    def test_later_has_new_messages_wait_for_it_and_keeps_what_there_is(
        self, context: Context, tenant: Tenant, model: ModelServer, in_force: str
    ) -> None:
        before = grouped(context, tenant)
        model.fail(Fault.BROKEN, times=4)
        late = "My parcel is late and the courier gives no tracking at all."
        write(context, tenant, [late])
        day(context, tenant)
        assert grouped(context, tenant) == before
        assert one(context, tenant, "SELECT count(*) FROM message WHERE issue_checked_at IS NULL") == 1
        assert current(context, tenant) == ("text-embedding-3-small", False)
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE model_key SET retry_at = NULL")
            due_now(connection)
        assert resume(context.database) == 1
        day(context, tenant)
        assert any(texts == {*PARCELS, late} for texts in grouped(context, tenant).values())
        assert {row[0] for row in rows(context, tenant, "SELECT model_version FROM embedding")} == {in_force}
        assert one(context, tenant, "SELECT retry_at FROM embedding_model WHERE current") is None

    def test_for_good_leaves_all_to_the_next_of_the_chain_and_issues_keep_their_ids(
        self, context: Context, tenant: Tenant, model: ModelServer, in_force: str
    ) -> None:
        connect_model(context, tenant, model, "ollama", purpose="embed")
        before = grouped(context, tenant)
        model.keys = {"another"}
        write(context, tenant, ["My parcel is late and the courier gives no tracking at all."])
        day(context, tenant)
        assert current(context, tenant) == ("nomic-embed-text", False)
        after = grouped(context, tenant)
        assert set(after) == set(before)
        assert all(after[issue] >= texts for issue, texts in before.items())
        versions = rows(context, tenant, "SELECT model_version, count(*) FROM embedding GROUP BY 1 ORDER BY 2")
        assert [count for _, count in versions] == [len(TEXTS), len(TEXTS) + 1], "what was paid for is kept"
        assert versions[0][0] == in_force
        assert in_force not in {row[0] for row in rows(context, tenant, "SELECT model_version FROM issue")}

    def test_whose_vectors_have_another_length_all_at_once_is_not_taken(
        self, context: Context, tenant: Tenant, model: ModelServer, in_force: str
    ) -> None:
        model.dimensions = 64
        write(context, tenant, ["The export of our report fails with an empty file once more."])
        day(context, tenant)
        assert {row[0] for row in rows(context, tenant, "SELECT vector_dims(vector) FROM embedding")} == {256}
        assert "64 values, and had 256" in one(context, tenant, "SELECT reason FROM embedding_model WHERE current")
        assert in_force == one(context, tenant, "SELECT version FROM embedding_model WHERE current")

    def test_on_one_text_leaves_that_one_alone_without(
        self, context: Context, tenant: Tenant, model: ModelServer, in_force: str
    ) -> None:
        def refuses(asked: Texts) -> None:
            if any("exceeds" in text for text in asked.texts):
                raise Refusal(400, "context_length_exceeded", "maximum context length is 8192 tokens")

        model.before_vectors = refuses
        write(context, tenant, ["It exceeds everything.", "The export of our report fails with an empty file at last."])
        day(context, tenant)
        without = rows(
            context,
            tenant,
            "SELECT text FROM embedding JOIN message ON message.id = message_id WHERE vector_norm(vector) = 0",
        )
        assert without == [("It exceeds everything.",)]
        assert one(context, tenant, "SELECT retry_at FROM embedding_model WHERE current") is None
        assert in_force


def test_a_chain_that_is_taken_away_puts_the_built_in_embedder_in_force_again(
    context: Context, tenant: Tenant, model: ModelServer
) -> None:
    connect_model(context, tenant, model, purpose="embed")
    write(context, tenant, TEXTS)
    day(context, tenant)
    before = grouped(context, tenant)
    with context.database.tenant_tx(tenant.id) as connection:
        reorder_chain(connection, tenant.id, "embed", [])
    day(context, tenant)
    assert current(context, tenant) == ("lexical", True)
    assert grouped(context, tenant) == before
    assert len(rows(context, tenant, "SELECT DISTINCT model_version FROM embedding")) == 1


def test_vectors_of_one_tenant_serve_no_other(context: Context, tenant: Tenant, model: ModelServer) -> None:
    other = create_tenant(context.database, "other", "Other")
    for each in (tenant, other):
        connect_model(context, each, model, purpose="embed")
        write(context, each, PARCELS)
        day(context, each)
    assert sorted(sent(model)) == sorted(PARCELS * 2), "what one paid for tells another nothing"
    assert one(context, other, "SELECT count(*) FROM embedding") == len(PARCELS)


def test_decisions_of_people_hold_through_a_change_of_the_model(
    context: Context, tenant: Tenant, model: ModelServer
) -> None:
    ids = write(context, tenant, TEXTS)
    day(context, tenant)
    put_apart(context, tenant, ids[0], ids[1])
    connect_model(context, tenant, model, purpose="embed")
    write(context, tenant, ["My parcel is late and the courier gives no tracking at all."])
    day(context, tenant)
    issues.consolidate(context, tenant.id)
    assert current(context, tenant)[1] is False
    assert not any({PARCELS[0], PARCELS[1]} <= texts for texts in grouped(context, tenant).values())


def put_apart(context: Context, tenant: Tenant, first: UUID, second: UUID) -> None:
    with context.database.tenant_tx(tenant.id) as connection:
        insert(
            connection, "issue_constraint", tenant_id=tenant.id, id=new_id(), kind="cannot", message_a_id=first,
            message_b_id=second,
        )  # fmt: skip
