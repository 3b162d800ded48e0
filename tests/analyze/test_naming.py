"""Names of issues by a tenant's models, through the stages as the pipeline runs them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from opsintel.context import Context
from opsintel.llm.ceilings import set_budget
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import run as analyze
from opsintel_pipeline.issues import run as issues
from opsintel_pipeline.issues.naming import titles_of
from opsintel_pipeline.issues.refresh import refresh_issues
from tests.analyze.conftest import connect_model, item, messages_of, partition, write
from tests.connectors.remote import Fault
from tests.peers.model_server import ModelServer, Prompt

PROBLEM = "The export of report {number} to the printer fails since the update of the driver, please help"


def answers(title: str) -> Any:
    """Return a model that says each message's own words as its title, and gives all issues one name."""

    def brain(prompt: Prompt) -> str:
        asked = json.loads(prompt.turns[0])
        if "problems" in asked:
            return json.dumps({"items": [{"n": each["n"], "title": title} for each in asked["problems"]]})
        return json.dumps(
            {"items": [item(each["n"], each["text"], title=each["text"]) for each in messages_of(prompt)]}
        )

    return brain


def named(model: ModelServer) -> list[dict[str, Any]]:
    """Return the problems that the model was asked to name."""
    asked = [json.loads(prompt.turns[0]) for prompt in model.prompts]
    return [problem for each in asked for problem in each.get("problems", [])]


def work(context: Context, tenant: Tenant, texts: list[str], **fields: Any) -> list[UUID]:
    """Write messages and bring them through the stages; returns their ids."""
    ids = write(context, tenant, texts, **fields)
    analyze.run(context, partition(tenant))
    issues.run(context, partition(tenant))
    return ids


def titles(context: Context, tenant: Tenant) -> list[tuple[str, str]]:
    """Return title and method of the issues with members."""
    with context.database.tenant_tx(tenant.id) as connection:
        return connection.execute("SELECT title, title_method FROM issue WHERE messages > 1 ORDER BY number").fetchall()


def texts(count: int, first: int = 0) -> list[str]:
    return [PROBLEM.format(number=number) for number in range(first, first + count)]


@pytest.fixture
def brain(model: ModelServer) -> ModelServer:
    model.brain = answers("Printer export fails")
    return model


class TestAName:
    def test_comes_from_the_model_of_its_purpose_and_the_call_is_in_the_ledger(
        self, context: Context, tenant: Tenant, brain: ModelServer
    ) -> None:
        connect_model(context, tenant, brain)
        work(context, tenant, texts(4))
        assert titles(context, tenant) == [("Printer export fails", "model")]
        with context.database.tenant_tx(tenant.id) as connection:
            calls = connection.execute(
                "SELECT purpose, state, cost_usd > 0 FROM model_call ORDER BY created_at"
            ).fetchall()
        assert calls == [("analyse", "settled", True), ("name_issue", "settled", True)]

    def test_is_made_once_and_again_when_the_issue_has_twice_as_many_members(
        self, context: Context, tenant: Tenant, brain: ModelServer
    ) -> None:
        connect_model(context, tenant, brain)
        work(context, tenant, texts(4))
        work(context, tenant, texts(2, first=4))
        assert len(named(brain)) == 1
        brain.brain = answers("Printing stopped everywhere")
        work(context, tenant, texts(3, first=6))
        assert len(named(brain)) == 2
        assert titles(context, tenant) == [("Printing stopped everywhere", "model")]

    def test_is_made_by_a_run_that_goes_on_after_one_that_was_killed_before_it(
        self, context: Context, tenant: Tenant, brain: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect_model(context, tenant, brain)
        with monkeypatch.context() as patch:
            patch.setattr(issues, "name_issues", lambda *_: 0)
            work(context, tenant, texts(4))
        assert titles(context, tenant)[0][1] == "phrase"
        issues.run(context, partition(tenant))
        assert titles(context, tenant)[0][1] == "model"

    def test_of_a_person_stays(self, context: Context, tenant: Tenant, brain: ModelServer) -> None:
        connect_model(context, tenant, brain)
        work(context, tenant, texts(2))
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE issue SET title = 'Ours', title_method = 'person', title_pinned = true")
        work(context, tenant, texts(6, first=2))
        assert len(named(brain)) == 1
        assert titles(context, tenant) == [("Ours", "person")]

    def test_goes_with_a_message_that_it_was_made_from(
        self, context: Context, tenant: Tenant, brain: ModelServer
    ) -> None:
        connect_model(context, tenant, brain)
        ids = work(context, tenant, texts(4))
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE message SET deleted_at = now() WHERE id = %s", (ids[0],))
            row = connection.execute("SELECT id, model_version FROM issue WHERE messages > 1").fetchone()
            assert row is not None
            refresh_issues(connection, tenant.id, [row[0]], row[1])
        assert titles(context, tenant)[0][1] != "model"

    def test_is_the_phrase_of_its_members_where_no_model_answers(
        self, context: Context, tenant: Tenant, brain: ModelServer
    ) -> None:
        connect_model(context, tenant, brain)
        write(context, tenant, texts(4))
        analyze.run(context, partition(tenant))
        brain.fail(Fault.BROKEN, times=50)
        issues.run(context, partition(tenant))
        assert titles(context, tenant)[0][1] == "phrase"

    def test_is_not_bought_above_the_ceiling(self, context: Context, tenant: Tenant, brain: ModelServer) -> None:
        connect_model(context, tenant, brain)
        write(context, tenant, texts(4))
        analyze.run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            set_budget(connection, tenant.id, "month", None, Decimal("0.00001"))
        issues.run(context, partition(tenant))
        assert titles(context, tenant)[0][1] == "phrase"
        assert named(brain) == []


class TestWhatIsSent:
    def test_holds_no_personal_data_and_no_note(self, context: Context, tenant: Tenant, brain: ModelServer) -> None:
        connect_model(context, tenant, brain)
        notes = write(
            context, tenant, ["The export to the printer fails since the update, noted"], visibility="internal"
        )
        work(context, tenant, [f"ada@x.example, +49 30 901820: {text}" for text in texts(3)])
        (problem,) = named(brain)
        with context.database.tenant_tx(tenant.id) as connection:
            members = {row[0] for row in connection.execute("SELECT message_id FROM issue_member")}
        assert notes[0] in members
        assert len(members) == 4
        assert ["[EMAIL_1], [PHONE_1]" in headline for headline in problem["headlines"]] == [True] * 3
        assert "ada@x.example" not in str(problem)


class TestATitle:
    @pytest.mark.parametrize(
        ("said", "title"),
        [
            ("printer export fails", "Printer export fails"),
            ("Call [PHONE_1] about <b>printing</b>", "Call about printing"),
            ("See https://evil.example/now, printing fails", "See printing fails"),
            ("[Printing](https://evil.example) fails", "Printing fails"),
            ("Printing " * 20, "Printing Printing Printing Printing Printing Printing Printing Printing…"),
        ],
    )
    def test_is_plain_and_short(self, said: str, title: str) -> None:
        assert titles_of(json.dumps({"items": [{"n": 1, "title": said}]}), 1) == {1: title}

    def test_of_no_issue_that_was_asked_about_is_left_out(self) -> None:
        answer = {"items": [{"n": 1, "title": "One"}, {"n": 3, "title": "Three"}, {"n": "2", "title": "Two"}, 7]}
        assert titles_of(json.dumps(answer), 2) == {1: "One"}
