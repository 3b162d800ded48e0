"""Messages of a template share an analysis, checked against each; ceilings of sources and backfills are held."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.llm import reruns
from opsintel.llm.ceilings import set_budget
from opsintel.llm.parked import resume
from opsintel.queue import backfills
from opsintel.queue.backfills import Backfill
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY, analyses, connect_model, item, messages_of, partition, write
from tests.analyze.test_templates import LOGS, labelled
from tests.peers.model_server import ModelServer, Prompt
from tests.seeding import insert

ALERT = "ERROR disk /dev/sd{letter} on host web{number}.shop.example is full: {number} bytes left, volume={number}"


def alerts(numbers: Sequence[int], template: str = ALERT) -> list[str]:
    return [template.format(letter=chr(97 + number % 26), number=number) for number in numbers]


def quoting(prompt: Prompt) -> str:
    """Answer with values of the message in every place that may hold some."""
    items = []
    for each in messages_of(prompt):
        host = next((word for word in each["text"].split() if word.startswith("web")), "")
        items.append(
            item(
                each["n"],
                each["text"],
                title=f"Disk of {host} is full",
                summary="A disk is full",
                evidence=[{"field": "kind", "quote": "is full"}, {"field": "kind", "quote": host}],
                entities=[{"type": "product", "value": host}, {"type": "product", "value": "disk"}],
                action_items=[{"text": f"Empty {host}", "owner_hint": "", "due": "", "quote": "is full"}],
            )  # fmt: skip
        )
    return json.dumps({"items": items})


def source_of(context: Context, tenant: Tenant, name: str, messages: Sequence[UUID]) -> UUID:
    """Connect a source and have the messages come from it."""
    source_id = new_id()
    with context.database.tenant_tx(tenant.id) as connection:
        insert(
            connection, "source", tenant_id=tenant.id, id=source_id, kind="ingest", name=name, config=Jsonb({}),
            config_key=name,
        )  # fmt: skip
        for message_id in messages:
            insert(
                connection, "message_occurrence", tenant_id=tenant.id, source_id=source_id, message_id=message_id,
                native_id=str(message_id), version="1", channel="",
            )  # fmt: skip
    return source_id


def rows(context: Context, tenant: Tenant, statement: str) -> list[tuple[Any, ...]]:
    with context.database.tenant_tx(tenant.id) as connection:
        return connection.execute(statement.encode()).fetchall()


class TestATemplate:
    def test_is_asked_about_once_and_the_others_say_nothing_of_the_first(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        model.brain = quoting
        write(context, tenant, alerts(range(1, 41)))
        run(context, partition(tenant))
        assert [len(messages_of(prompt)) for prompt in model.prompts] == [1]
        first, *others = analyses(context, tenant)
        assert first["title"] == "Disk of web1.shop.example is full"
        assert first["reused_from"] is None
        assert len({other["reused_from"] for other in others}) == 1
        for other in others:
            assert other["status"] == "done"
            assert other["provenance"]["reused"] == "template"
            assert "web1.shop" not in json.dumps(other["output"])
            assert [quote["quote"] for quote in other["output"]["evidence"]] == ["is full"]
            assert [entity["value"] for entity in other["output"]["entities"]] == ["disk"]
            assert other["output"]["action_items"] == []
            assert other["output"]["summary"] == "A disk is full"
            assert (other["attempts"], other["cost_usd"]) == (0, 0)

    def test_is_known_to_later_runs(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        model.brain = quoting
        write(context, tenant, alerts([1]))
        run(context, partition(tenant))
        write(context, tenant, alerts(range(50, 60)))
        result = run(context, partition(tenant))
        assert (len(model.prompts), result.figures["calls"], result.figures["reused"]) == (1, 0, 10)
        assert "web1.shop" not in json.dumps([row["output"] for row in analyses(context, tenant)[1:]])

    def test_that_was_learnt_by_names_stays_learnt(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        names = ["alice", "bertram", "carla", "dora", "emil"]
        for name in names:
            write(context, tenant, [f"sshd[17]: session closed for user {name}"])
            run(context, partition(tenant))
        # Three names are seen before the place counts as a value; from then on nobody is asked.
        assert len(model.prompts) == 3
        held = rows(context, tenant, "SELECT string_agg(template_memory::text, ' ') FROM template_memory")[0][0]
        assert not [name for name in names if name in held]

    def test_of_another_tenant_is_not_used(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        other = create_tenant(context.database, "other", "Other")
        for one in (tenant, other):
            connect_model(context, one, model)
            write(context, one, alerts([1, 2]))
            run(context, partition(one))
        assert len(model.prompts) == 2

    def test_leaves_each_message_its_own_floor(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        model.brain = lambda prompt: json.dumps(
            {"items": [item(each["n"], each["text"], severity=5) for each in messages_of(prompt)]}
        )
        write(context, tenant, alerts([1, 2, 3], "CRITICAL [{number}] complete outage of db{number}, data loss"))
        run(context, partition(tenant))
        assert len(model.prompts) == 1
        assert {row["severity"] for row in analyses(context, tenant)} == {1}

    def test_shares_no_analysis_between_what_people_write(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, [f"I paid {number} euros, where is my order {number}?" for number in (5, 6, 7)])
        run(context, partition(tenant))
        assert [len(messages_of(prompt)) for prompt in model.prompts] == [3]

    def test_whose_first_message_says_something_else_by_now_is_asked_about_anew(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, alerts([1]))
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE message SET text = 'something else'")
        write(context, tenant, alerts([2]))
        run(context, partition(tenant))
        assert len(model.prompts) == 2


class TestACeilingOfASource:
    def test_holds_its_messages_and_no_others(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        texts = [f"I cannot open report {word}, please help me." for word in ("one", "two", "three", "four")]
        ids = write(context, tenant, texts)
        held = source_of(context, tenant, "held", ids[::2])
        source_of(context, tenant, "free", ids[1::2])
        with context.database.tenant_tx(tenant.id) as connection:
            set_budget(connection, tenant.id, "source", held, Decimal("0.0001"))
        run(context, partition(tenant))
        assert [row["status"] for row in analyses(context, tenant)] == ["parked", "done", "parked", "done"]
        assert [len(messages_of(prompt)) for prompt in model.prompts] == [2]
        with context.database.tenant_tx(tenant.id) as connection:
            set_budget(connection, tenant.id, "source", held, Decimal(1))
        assert resume(context.database) == 1
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE analysis SET parked_until = now()")
        run(context, partition(tenant))
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}
        spent = rows(context, tenant, "SELECT spent_usd FROM budget_period")
        counted = rows(context, tenant, f"SELECT sum(cost_usd) FROM model_call WHERE source_id = '{held}'")
        assert spent == counted

    def test_may_have_a_sample_of_them_analysed(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        ids = write(context, tenant, [f"I cannot open report {number}, please help me." for number in range(40)])
        source_id = source_of(context, tenant, "sampled", ids)
        with context.database.tenant_tx(tenant.id) as connection:
            set_budget(
                connection, tenant.id, "source", source_id, Decimal(9), "sample", degrade_from=0, sample_share=0.25
            )
        run(context, partition(tenant))
        reasons = [row["reason"] for row in analyses(context, tenant)]
        assert 0 < reasons.count(None) < 25
        assert reasons.count("sample") == 40 - reasons.count(None)


class TestACeilingOfARerun:
    @pytest.fixture
    def job_id(self, context: Context, tenant: Tenant, model: ModelServer) -> UUID:
        """A re-run of 30 messages, that a model analysed, under a ceiling that some calls fit in."""
        connect_model(context, tenant, model)
        write(context, tenant, [f"I cannot open report {number}, please help me." for number in range(30)])
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            job_id = backfills.write(connection, tenant.id, Backfill(DAY, DAY, "analyses"))
            reruns.mark(connection, DAY, DAY, job_id)
            set_budget(connection, tenant.id, "backfill", job_id, Decimal("0.11"))
            connection.execute("UPDATE model_chain SET model = 'gpt-4o'")
        return job_id

    def test_is_never_passed_and_what_is_left_keeps_its_analysis(
        self, context: Context, tenant: Tenant, model: ModelServer, job_id: UUID
    ) -> None:
        result = run(context, partition(tenant))
        after = analyses(context, tenant)
        assert {(row["status"], row["provider"]) for row in after} == {("done", "openai")}
        made = rows(context, tenant, "SELECT count(*) FROM analysis WHERE current AND NOT stale")[0][0]
        assert result.figures["parked"] == 30 - made
        assert 0 < made < 30
        ((spent, limit),) = rows(
            context,
            tenant,
            "SELECT spent_usd + reserved_usd, limit_usd FROM budget JOIN budget_period ON id = budget_id",
        )
        assert 0 < spent <= limit
        assert rows(context, tenant, "SELECT DISTINCT job_id FROM model_call WHERE job_id IS NOT NULL") == [(job_id,)]

    def test_holds_also_what_is_resumed_later(
        self, context: Context, tenant: Tenant, model: ModelServer, job_id: UUID
    ) -> None:
        run(context, partition(tenant))
        calls = len(model.prompts)
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE analysis SET parked_until = now() WHERE parked_until IS NOT NULL")
        assert resume(context.database) == 1
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute(
                "UPDATE analysis SET parked_until = now() - %s WHERE parked_until IS NOT NULL", (timedelta(hours=1),)
            )
        run(context, partition(tenant))
        assert len(model.prompts) == calls
        with context.database.tenant_tx(tenant.id) as connection:
            set_budget(connection, tenant.id, "backfill", job_id, Decimal(1))
        run(context, partition(tenant))
        assert rows(context, tenant, "SELECT count(*) FROM analysis WHERE current AND stale") == [(0,)]


class TestAStream:
    def test_half_by_machines_takes_few_calls(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        sets = [labelled(f"logs/{name}")[0][:62] for name in LOGS]
        lines = [line for at_once in zip(*sets, strict=True) for line in at_once]
        lines += labelled("text/banking77")[0][: 1_000 - len(lines)]
        write(context, tenant, lines)
        calls = run(context, partition(tenant)).figures["calls"]
        made = analyses(context, tenant)
        assert (len(made), {row["status"] for row in made}) == (1_000, {"done"})
        assert calls <= 80
