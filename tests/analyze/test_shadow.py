"""Shadow runs: a candidate is measured on the gold set, stores nothing, is promoted where it loses little enough."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from opsintel.access.audit import SYSTEM
from opsintel.cli.main import app
from opsintel.context import Context
from opsintel.errors import ConflictError, FatalError, InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.learning.correcting import correct
from opsintel.learning.gold import freeze, judged
from opsintel.learning.metrics import Judged, compare
from opsintel.learning.promotion import Candidate, ask_for, promote, put_taxonomy_in_force, refusal, waiting
from opsintel.llm.chain import chain_of
from opsintel.taxonomy.kept import propose, taxonomy_in_force
from opsintel.taxonomy.taxonomy import Category
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.learnt import learnt_in_force
from opsintel_pipeline.analyze.run import run
from opsintel_pipeline.analyze.shadow import PARTS, perform
from tests.analyze.conftest import analyses, connect_model, item, messages_of, partition, write
from tests.learn.queue import PERSON
from tests.peers.model_server import ModelServer, Prompt

TEXTS = [f"The export of report {number} fails since the update, please help." for number in range(6)]


def saying(**fields: Any) -> Any:
    """Answer as a model that says the same of every message."""

    def brain(prompt: Prompt) -> str:
        return json.dumps({"items": [item(each["n"], each["text"], **fields) for each in messages_of(prompt)]})

    return brain


@pytest.fixture
def key(context: Context, tenant: Tenant, model: ModelServer) -> UUID:
    """A key whose model has analysed all messages: people say that three of the six are no bug reports."""
    key_id = connect_model(context, tenant, model)
    ids = write(context, tenant, TEXTS)
    run(context, partition(tenant))
    with context.database.tenant_tx(tenant.id) as connection:
        for place, message_id in enumerate(ids):
            correct(connection, tenant.id, PERSON, message_id, "kind", "incident" if place < 3 else "bug_report")
            correct(connection, tenant.id, PERSON, message_id, "severity", 3)
    return key_id


def tried(context: Context, tenant: Tenant, candidate: Candidate) -> UUID:
    with context.database.tenant_tx(tenant.id) as connection:
        run_id = ask_for(connection, tenant.id, PERSON, candidate)
    assert waiting(context.database) == [(tenant.id, run_id)]
    perform(context, tenant.id, run_id)
    assert waiting(context.database) == []
    return run_id


def row(context: Context, tenant: Tenant, run_id: UUID) -> dict[str, Any]:
    with context.database.tenant_tx(tenant.id) as connection:
        cursor = connection.execute("SELECT * FROM shadow_run WHERE id = %s", (run_id,))
        found = cursor.fetchone()
        assert found is not None
        return dict(zip([column.name for column in cursor.description or ()], found, strict=True))


class TestARun:
    def test_compares_what_is_tried_with_what_stands(
        self, context: Context, tenant: Tenant, model: ModelServer, key: UUID
    ):
        model.brain = saying(kind="incident", severity=4)
        found = row(context, tenant, tried(context, tenant, Candidate(models=((key, "gpt-4o"),))))
        assert (found["state"], found["gold_version"]) == ("measured", 1)
        assert 1 <= found["calls"] <= PARTS
        assert found["figures"] == {
            "kind": {"examples": 6, "present": 0.5, "tried": 0.5},
            "severity": {"examples": 6, "present": 1.0, "tried": 0.0},
        }
        assert found["loss"] == 1.0
        assert found["cost_usd"] > 0

    def test_stores_no_analysis_and_changes_no_chain(
        self, context: Context, tenant: Tenant, model: ModelServer, key: UUID
    ):
        before = analyses(context, tenant)
        model.brain = saying(kind="praise")
        tried(context, tenant, Candidate(models=((key, "gpt-4o"),)))
        assert analyses(context, tenant) == before
        with context.database.tenant_tx(tenant.id) as connection:
            assert [link.model for link in chain_of(connection, "analyse")] == ["gpt-4o-mini"]

    def test_of_a_taxonomy_without_models_asks_nobody(self, context: Context, tenant: Tenant, model: ModelServer):
        ids = write(context, tenant, TEXTS)
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            for message_id in ids:
                correct(connection, tenant.id, PERSON, message_id, "category", "Exports")
            _, version = propose(connection, tenant.id, "Ours", [Category(("Exports",), "Exports of reports")], SYSTEM)
        found = row(context, tenant, tried(context, tenant, Candidate(version)))
        assert (found["state"], found["calls"], found["figures"]["category"]["examples"]) == ("measured", 0, 6)
        assert f".t{version}." in found["profile_version"]

    def test_says_why_it_could_not_be_measured(self, context: Context, tenant: Tenant, model: ModelServer):
        key_id = connect_model(context, tenant, model)
        found = row(context, tenant, tried(context, tenant, Candidate()))
        assert (found["state"], found["error"][:11]) == ("failed", "People have")
        ids = write(context, tenant, TEXTS)
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            correct(connection, tenant.id, PERSON, ids[0], "kind", "legal")
        model.brain = lambda prompt: "I would rather not."
        found = row(context, tenant, tried(context, tenant, Candidate(models=((key_id, "gpt-4o"),))))
        assert found["state"] == "failed"
        assert found["error"]

    def test_is_asked_for_with_what_there_is(self, context: Context, tenant: Tenant, key: UUID):
        with context.database.tenant_tx(tenant.id) as connection:
            for candidate in (Candidate(taxonomy_version=9), Candidate(models=((new_id(), "gpt-4o"),))):
                with pytest.raises(NotFoundError):
                    ask_for(connection, tenant.id, PERSON, candidate)
            with pytest.raises(InputError):
                ask_for(connection, tenant.id, PERSON, Candidate(models=()))

    def test_that_is_over_is_not_taken_again(self, context: Context, tenant: Tenant, model: ModelServer, key: UUID):
        run_id = tried(context, tenant, Candidate(models=((key, "gpt-4o"),)))
        asked = len(model.prompts)
        perform(context, tenant.id, run_id)
        assert len(model.prompts) == asked


class TestWhatItHasRead:
    """People's word of six messages is by chance: who finds it again remembers, and knows nothing."""

    SAID = ("Kitchen", "Garden", "Garden", "Kitchen", "Garden", "Kitchen")

    @pytest.fixture
    def ids(self, context: Context, tenant: Tenant) -> list[UUID]:
        words = ("quartz", "violet", "ember", "walrus", "nectar", "tundra")
        ids = write(context, tenant, [f"{word} {word} {word}" for word in words])
        ours = [Category((name,), "") for name in ("Kitchen", "Garden")]
        with context.database.tenant_tx(tenant.id) as connection:
            put_taxonomy_in_force(
                connection, tenant.id, propose(connection, tenant.id, "Ours", ours, SYSTEM)[0], SYSTEM
            )
        return ids

    def correct_all(self, context: Context, tenant: Tenant, ids: Sequence[UUID]) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            for message_id, value in zip(ids, self.SAID, strict=True):
                correct(connection, tenant.id, PERSON, message_id, "category", value)

    def test_of_the_built_in_analyser_is_not_what_it_is_asked(self, context: Context, tenant: Tenant, ids: list[UUID]):
        run(context, partition(tenant))
        self.correct_all(context, tenant, ids)
        with context.database.tenant_tx(tenant.id) as connection:
            learnt = learnt_in_force(connection, tenant.id, taxonomy_in_force(connection)).learnt
            texts = connection.execute("SELECT text FROM message ORDER BY sorted_at, id").fetchall()
        remembered = [one.category if one else None for one in learnt.guess([text for (text,) in texts])]
        assert remembered == list(self.SAID)
        found = row(context, tenant, tried(context, tenant, Candidate()))
        assert found["figures"]["category"]["examples"] == 6
        assert found["figures"]["category"]["tried"] < 0.5

    def test_of_a_model_are_no_examples_of_the_same_words(
        self, context: Context, tenant: Tenant, model: ModelServer, ids: list[UUID]
    ):
        twins = write(context, tenant, ["quartz quartz quartz"])
        connect_model(context, tenant, model)
        model.brain = saying(category="Kitchen")
        run(context, partition(tenant))
        self.correct_all(context, tenant, ids)
        with context.database.tenant_tx(tenant.id) as connection:
            correct(connection, tenant.id, PERSON, twins[0], "category", "Kitchen")

        def remembering(prompt: Prompt) -> str:
            """Say what people said of a message of the same words, else what nobody said."""
            asked = json.loads(prompt.turns[0])
            known = {each["text"]: each["corrected"]["category"] for each in asked.get("examples", ())}
            return json.dumps(
                {"items": [item(each["n"], each["text"], category=known.get(each["text"], "Other"))
                           for each in messages_of(prompt)]}
            )  # fmt: skip

        model.brain = remembering
        found = row(context, tenant, tried(context, tenant, Candidate()))
        assert found["state"] == "measured"
        assert found["figures"]["category"]["tried"] == 0.0

    def test_before_it_was_asked_is_not_measured(self, context: Context, tenant: Tenant, ids: list[UUID]):
        self.correct_all(context, tenant, ids)
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            version = freeze(connection, tenant.id)
            assert version is not None
            ((_, judged_messages),) = judged(connection, version).items()
        assert {tuple(one.labels) for one in judged_messages.values()} == {()}


class TestComparing:
    def test_takes_the_messages_that_both_have(self):
        one, other = new_id(), new_id()
        right, wrong = Judged({"kind": "help"}, {"kind": "help"}, {}), Judged({"kind": "help"}, {"kind": "legal"}, {})
        compared = compare({one: right, other: wrong}, {one: right})
        assert compared is not None
        assert (compared.figures["kind"]["examples"], compared.loss) == (1, 0.0)

    def test_the_worst_field_counts(self):
        one = new_id()
        labels = {"kind": "help", "severity": 2}
        compared = compare(
            {one: Judged(labels, {"kind": "legal", "severity": 2}, {})},
            {one: Judged(labels, {"kind": "help", "severity": 3}, {})},
        )
        assert compared is not None
        assert compared.loss == 1.0

    def test_of_nothing_is_none(self):
        assert compare({}, {}) is None


def promoted(context: Context, tenant: Tenant, run_id: UUID, override: str = "") -> None:
    with context.database.tenant_tx(tenant.id) as connection:
        promote(connection, tenant.id, PERSON, run_id, override)


class TestTheGate:
    def test_lets_what_loses_nothing_through(self, context: Context, tenant: Tenant, model: ModelServer, key: UUID):
        model.brain = saying(kind="incident", severity=3)
        run_id = tried(context, tenant, Candidate(models=((key, "gpt-4o"),)))
        promoted(context, tenant, run_id)
        with context.database.tenant_tx(tenant.id) as connection:
            assert [link.model for link in chain_of(connection, "analyse")] == ["gpt-4o"]
            latest = connection.execute("SELECT action, details FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
        assert latest == ("shadow_run.promoted", {"loss": 0.0})
        with pytest.raises(ConflictError):
            promoted(context, tenant, run_id)

    def test_refuses_what_loses_more_than_the_margin_with_the_figures(
        self, context: Context, tenant: Tenant, model: ModelServer, key: UUID
    ):
        model.brain = saying(kind="incident", severity=4)
        run_id = tried(context, tenant, Candidate(models=((key, "gpt-4o"),)))
        with pytest.raises(ConflictError, match=r"severity 1\.000 → 0\.000 on 6 examples"):
            promoted(context, tenant, run_id)
        with context.database.tenant_tx(tenant.id) as connection:
            assert [link.model for link in chain_of(connection, "analyse")] == ["gpt-4o-mini"]
        assert row(context, tenant, run_id)["state"] == "measured"

    def test_goes_by_the_margin_of_the_tenant(self, context: Context, tenant: Tenant, model: ModelServer, key: UUID):
        model.brain = saying(kind="question", severity=3)
        run_id = tried(context, tenant, Candidate(models=((key, "gpt-4o"),)))
        for margin, is_refused in ((0.49, True), (0.5, False)):
            with context.database.system_tx() as system:
                system.execute("UPDATE tenant SET promotion_margin = %s WHERE id = %s", (margin, tenant.id))
            with context.database.tenant_tx(tenant.id) as connection:
                assert bool(refusal(connection, run_id)) is is_refused

    def test_can_be_overridden_which_is_kept(self, context: Context, tenant: Tenant, model: ModelServer, key: UUID):
        model.brain = saying(kind="incident", severity=4)
        run_id = tried(context, tenant, Candidate(models=((key, "gpt-4o"),)))
        promoted(context, tenant, run_id, "It costs a tenth")
        found = row(context, tenant, run_id)
        assert (found["state"], found["is_overridden"], found["reason"]) == ("promoted", True, "It costs a tenth")
        with context.database.tenant_tx(tenant.id) as connection:
            latest = connection.execute("SELECT action, actor_kind FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
        assert latest == ("shadow_run.overridden", "person")

    def test_puts_a_taxonomy_in_force(self, context: Context, tenant: Tenant, key: UUID):
        with context.database.tenant_tx(tenant.id) as connection:
            _, version = propose(connection, tenant.id, "Ours", [Category(("Product", "App"), "The app")], SYSTEM)
        run_id = tried(context, tenant, Candidate(version))
        promoted(context, tenant, run_id)
        with context.database.tenant_tx(tenant.id) as connection:
            assert taxonomy_in_force(connection).version == version

    def test_holds_a_version_of_the_taxonomy_that_was_not_tried(
        self, context: Context, tenant: Tenant, model: ModelServer, key: UUID
    ):
        def put_in_force(taxonomy_id: UUID) -> None:
            with context.database.tenant_tx(tenant.id) as connection:
                put_taxonomy_in_force(connection, tenant.id, taxonomy_id, PERSON)

        with context.database.tenant_tx(tenant.id) as connection:
            first, _ = propose(connection, tenant.id, "First", [Category(("Product", "App"), "The app")], SYSTEM)
            second, version = propose(connection, tenant.id, "Other", [Category(("Product", "App"), "Apps")], SYSTEM)
        put_in_force(first)  # nobody made a gold set yet
        tried(context, tenant, Candidate())
        with pytest.raises(ConflictError, match=f"Version {version} of the taxonomy was not tried"):
            put_in_force(second)
        model.brain = saying(severity=4)
        tried(context, tenant, Candidate(version))
        with pytest.raises(ConflictError, match="loses more than the margin"):
            put_in_force(second)
        with context.database.tenant_tx(tenant.id) as connection:
            third, version = propose(connection, tenant.id, "Third", [Category(("Product", "App"), "Ours")], SYSTEM)
        model.brain = saying()
        tried(context, tenant, Candidate(version))
        put_in_force(third)
        put_in_force(first)  # what was in force goes back as it is
        with context.database.tenant_tx(tenant.id) as connection:
            assert taxonomy_in_force(connection).name == "First"

    def test_of_what_was_not_tried_yet_stays_shut(self, context: Context, tenant: Tenant, key: UUID):
        with context.database.tenant_tx(tenant.id) as connection:
            run_id = ask_for(connection, tenant.id, PERSON, Candidate())
        with pytest.raises(ConflictError, match="waiting"):
            promoted(context, tenant, run_id, "I want it")
        with pytest.raises(NotFoundError):
            promoted(context, tenant, new_id())


class TestCommand:
    def test_tries_and_promotes(self, context: Context, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
        settings = context.settings
        monkeypatch.setenv("DB_URL", settings.db_url or "")
        monkeypatch.setenv("OPSINTEL_DATA_DIR", str(settings.data_dir))
        monkeypatch.setenv("MASTER_ENCRYPTION_KEY", base64.b64encode(settings.master_key()).decode())
        monkeypatch.setenv("JWT_SECRET", settings.jwt_key().decode())
        shadow = ["analyse", "shadow", "--tenant", "acme"]
        assert isinstance(CliRunner().invoke(app, shadow).exception, FatalError)
        ids = write(context, tenant, TEXTS)
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            correct(connection, tenant.id, PERSON, ids[0], "kind", "legal")
        printed = json.loads(CliRunner().invoke(app, [*shadow, "--json"]).stdout)
        assert (printed["state"], printed["may_be_promoted"], printed["loss"]) == ("measured", True, 0)
        assert "may be promoted" in CliRunner().invoke(app, shadow).stdout
        done = CliRunner().invoke(app, ["analyse", "promote", printed["id"], "--tenant", "acme"])
        assert "in force" in done.stdout
